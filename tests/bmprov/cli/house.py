"""A running `bmprov up` for the tests, and the processes that belong to it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 60.0
STOP_S = 40.0
LOOK_EVERY_S = 0.05


def until(truth: Callable[[], object], within_s: float = START_S) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within_s
    while not truth():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(LOOK_EVERY_S)  # nothing announces what a test looks for


@dataclass(frozen=True)
class House:
    """A `bmprov up` and its folder."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def said(self) -> str:
        return (self.folder.parent / f"{self.folder.name}.out").read_text()

    def parts(self) -> dict[str, int]:
        """The processes that `up` has started, by their arguments."""
        parents = _parents()
        return {_arguments(pid): pid for pid, parent in parents.items() if parent == self.process.pid}

    def everybody(self) -> set[int]:
        """All processes that descend from `up`."""
        parents, found = _parents(), {self.process.pid}
        while new := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= new
        return found - {self.process.pid}

    def wait_ready(self) -> None:
        until(lambda: (self.folder / "ready").exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.said

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


@contextmanager
def house(folder: Path, *options: str, settings: str = "") -> Iterator[House]:
    """Run `bmprov up` in `folder` until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ready").unlink(missing_ok=True)  # an `up` that was killed has left it
    if settings:
        (folder / "bmprov.toml").write_text(settings)
    argv = [sys.executable, "-m", "bmprov", "up", "--data", str(folder), "--port", "0", *options]
    with (folder.parent / f"{folder.name}.out").open("wb") as out, subprocess.Popen(argv, stdout=out, stderr=out) as up:
        running = House(folder, up)
        try:
            running.wait_ready()
            yield running
        finally:
            if up.poll() is None:
                running.stop()


def _parents() -> dict[int, int]:
    """The parent of every process that lives."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (state := _state(int(entry.name))):
            found[int(entry.name)] = int(state[1])
    return found


def alive(pid: int) -> bool:
    return _state(pid) is not None


def _state(pid: int) -> list[str] | None:
    """The fields of proc(5) after the program's name; None for a process that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields if fields[0] != "Z" else None


def _arguments(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
