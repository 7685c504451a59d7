"""The command line as a whole: quick help, exit codes, and errors that are one sentence."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bmprov.cli.conftest import Said
from tests.bmprov.cli.house import House

HEAVY = ("flask", "httpx", "rq", "sqlalchemy", "pydantic", "rich.table")
HELP = f"""
import sys
from bmprov.cli.main import run
assert run(["--help"]) == 0
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_help_imports_nothing_heavy() -> None:
    """Asking for help answers at once: nothing of the service is loaded for it."""
    told = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True).stdout
    assert told.endswith("[]\n")
    assert "machine" in told
    assert "furnish" not in told


def test_every_command_has_help(bare: Callable[..., Said]) -> None:
    """Each command of the table can be imported and explains itself."""
    from bmprov.cli.main import COMMANDS

    assert [name for name in COMMANDS if "Usage" not in bare(name, "--help").out] == []


def test_wrong_usage_is_two(bare: Callable[..., Said]) -> None:
    """An unknown command is a matter of usage and not of the service."""
    said = bare("machin")
    assert said.code == 2
    assert "machin" in said.err


def test_nothing_says_where_the_api_is(
    bare: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without endpoint, environment and file, the sentence names all of them."""
    monkeypatch.setenv("HOME", str(tmp_path))
    said = bare("machine", "list")
    assert said.code == 1
    assert said.err.startswith("bmprov: nothing says where bmprov's API is: give --data")
    assert said.err.count("\n") == 1


def test_a_service_that_is_down(bare: Callable[..., Said]) -> None:
    """A refused connection is one sentence that names the endpoint."""
    said = bare("machine", "list", "--endpoint", "https://127.0.0.1:1", "--token", "t")
    assert said.code == 1
    assert said.err.startswith("bmprov: https://127.0.0.1:1 did not answer")
    assert said.err.count("\n") == 1


def test_a_certificate_that_nobody_vouches_for(bare: Callable[..., Said], up: House) -> None:
    """The token is not sent to a service whose certificate is not trusted."""
    endpoint = (up.folder / "ready").read_text().strip()
    said = bare("machine", "list", "--endpoint", endpoint, "--token", "t")
    assert said.code == 1
    assert "is not trusted" in said.err
    assert "--ca" in said.err


def test_a_token_that_is_not_known(bare: Callable[..., Said], up: House) -> None:
    """The API's own sentence and its advice are shown."""
    endpoint = (up.folder / "ready").read_text().strip()
    said = bare("machine", "list", "--endpoint", endpoint, "--token", "t", "--ca", up.folder / "api.pem")
    assert (said.code, said.err.startswith("bmprov: this is not a token of bmprov: ")) == (1, True)


def test_interrupted(up: House) -> None:
    """Ctrl-C ends a command with exit code 130 and one word."""
    program = "import os, signal\nfrom bmprov.cli import api, main\n"
    program += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # else `make test &` ignores it
    program += "api.Api.get = lambda *a, **k: os.kill(os.getpid(), signal.SIGINT)\nmain.main()"
    command = [sys.executable, "-c", program, "machine", "list", "--data", str(up.folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.strip()) == (130, "interrupted")
