"""Running somebody else's program on somebody else's file: without a shell, with limits, and with an end.

The limits are the kernel's (setrlimit(2)), set by util-linux's prlimit before the program starts: what Python could run
between fork and exec is not safe in a process with threads.
"""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from bmprov.errors import Fatal, Invalid

_TOLD_BYTES = 2**20
_OPEN_FILES = 256


@dataclass(frozen=True)
class Bounds:
    """What a program may use: address space, the size of a file that it writes, processor time and time."""

    file_bytes: int
    memory_bytes: int = 2 * 2**30
    cpu_s: int = 3600
    wall_s: float = 3600.0


@dataclass(frozen=True)
class Told:
    """How a program ended, and at most 1 MiB of what it said."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The last line of its errors."""
        return next(reversed(self.err.strip().splitlines()), f"it ended with {self.code}")[:300]


def run(program: str, package: str, arguments: Sequence[str], bounds: Bounds) -> Told:
    """Run a program of a Debian package until it ends.

    Raises:
        Fatal: it is not installed.
        Invalid: it reached a limit, so the file that it was given is not what it should be.
    """
    found = shutil.which(program)
    if found is None:
        raise Fatal(f"{program} is not installed", f"install the Debian package {package}")
    limits = {
        "as": bounds.memory_bytes,
        "fsize": bounds.file_bytes,
        "cpu": bounds.cpu_s,
        "core": 0,
        "nofile": _OPEN_FILES,
    }
    command = ["prlimit", *(f"--{name}={value}" for name, value in limits.items()), "--", found, *arguments]
    told = _finished(program, command, bounds)
    if -told.code in (signal.SIGXCPU, signal.SIGKILL, signal.SIGXFSZ):
        raise _too_much(program, bounds)
    return told


def _finished(program: str, command: list[str], bounds: Bounds) -> Told:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment)
        try:
            code = process.wait(bounds.wall_s)
        except subprocess.TimeoutExpired:
            raise _too_much(program, bounds) from None
        finally:
            process.kill()
            process.wait()
        out.seek(0)
        err.seek(0)
        return Told(code, *(file.read(_TOLD_BYTES).decode(errors="replace") for file in (out, err)))


def _too_much(program: str, bounds: Bounds) -> Invalid:
    return Invalid(
        f"{program} needed more than {bounds.wall_s:g} s, {bounds.cpu_s} s of processor time"
        f" or {bounds.file_bytes} bytes for this file and was stopped",
        "the file may be damaged, or made to do that",
    )
