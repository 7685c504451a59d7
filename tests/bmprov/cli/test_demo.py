"""The demo, unattended, as CI and `make demo ONCE=1` run it."""

import subprocess
import sys
from pathlib import Path

import pytest

ENDS_S = 100


def test_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance's whole life goes through, each answer is checked, and nothing is left on the disk."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    argv = [sys.executable, "-m", "bmprov", "demo", "--once"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=ENDS_S)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    calls = [line.split()[1] for line in ended.stdout.splitlines() if line.startswith("CloudStack  ")]
    assert [call for call in calls if call != "status"] == [
        "prepare", "create", "stop", "start", "reboot", "statuses", "delete",
    ]  # fmt: skip
    assert "none said poweroff" in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 100
    assert list(tmp_path.iterdir()) == []


def test_an_extension_that_is_not_there(tmp_path: Path) -> None:
    """Where there is no source tree, the demo says how to name the extension's file."""
    argv = [sys.executable, "-m", "bmprov", "demo", "--once", "--extension", str(tmp_path / "none.py")]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=ENDS_S)
    assert ended.returncode == 1
    assert "say with --extension where it is" in ended.stderr
