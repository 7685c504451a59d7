"""`bmprov top` as a process: in a pseudo-terminal, and where there is none."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.bmprov.cli.top.seeded import Seeded

COLUMNS, LINES = 80, 24
WITHIN_S = 30.0
ENTERS, LEAVES = "\x1b[?1049h", "\x1b[?1049l"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38;[25])[;m]")


@dataclass
class Terminal:
    """A pseudo-terminal with the program in it."""

    process: "subprocess.Popen[bytes]"
    side: int
    said: str = ""

    def until(self, words: str) -> None:
        """Wait until it has written this."""
        deadline = time.monotonic() + WITHIN_S
        while words not in self.said and words not in ESCAPE.sub("", self.said):
            assert time.monotonic() < deadline, f"{words!r} is not in {ESCAPE.sub('', self.said)[-2000:]!r}"
            self.read()

    def read(self) -> None:
        try:
            self.said += os.read(self.side, 65_536).decode(errors="replace")
        except BlockingIOError:
            time.sleep(0.02)  # poll(2) tells no end of a pseudo-terminal
        except OSError:  # EIO: the other side is closed
            assert self.process.wait(WITHIN_S) is not None

    def end(self) -> int:
        """The exit code."""
        self.until(LEAVES)
        return self.process.wait(WITHIN_S)


def command(seeded: Seeded) -> list[str]:
    login = seeded.login
    return [sys.executable, "-m", "bmprov", "top", "--endpoint", login.endpoint, "--token", login.token]


@contextmanager
def terminal(seeded: Seeded, **environment: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    before = termios.tcgetattr(theirs)
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM")}
    process = subprocess.Popen(
        command(seeded),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=known | {"TERM": "xterm-256color"} | environment,
        start_new_session=True,
    )
    os.set_blocking(ours, False)
    try:
        yield Terminal(process, ours)
        assert termios.tcgetattr(theirs) == before
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def test_it_takes_the_screen_and_gives_it_back(seeded: Seeded) -> None:
    """In colours of the terminal's own sixteen; `q` ends it with exit code 0, and the terminal is as it was."""
    with terminal(seeded) as screen:
        screen.until("Under way (4)")
        screen.until("anna@ROOT/web (User)")
        assert ENTERS in screen.said
        assert COLOUR.search(screen.said)
        assert not re.search(r"[34]8;2;", screen.said)
        os.write(screen.side, b"2")
        screen.until("r02-u04")
        os.write(screen.side, b"q")
        assert screen.end() == 0


def test_without_colours_where_they_are_not_wanted(seeded: Seeded) -> None:
    """`NO_COLOR`, and the shapes say the same."""
    with terminal(seeded, NO_COLOR="1") as screen:
        os.write(screen.side, b"2")
        screen.until("✗ 2 error")
        screen.until("r02-u04")
        assert not COLOUR.search(screen.said)
        os.write(screen.side, b"q")
        assert screen.end() == 0


@pytest.mark.parametrize("how", [b"\x03", signal.SIGTERM, signal.SIGHUP])
def test_it_is_ended_from_outside(seeded: Seeded, how: bytes | signal.Signals) -> None:
    """By Ctrl-C, by a signal, by the end of the connection: without a traceback, and the screen is given back."""
    with terminal(seeded) as screen:
        screen.until("Under way (4)")
        if isinstance(how, bytes):
            os.write(screen.side, how)
        else:
            screen.process.send_signal(how)
        assert screen.end() == 0
        assert "Traceback" not in screen.said


def test_it_ends_when_its_terminal_has_gone(seeded: Seeded) -> None:
    """A terminal that is not its own (no SIGHUP comes): it does not read the end of it for ever."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command(seeded), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        os.read(ours, 1)
        os.close(ours)
        process.wait(WITHIN_S)
    finally:
        process.kill()
        process.wait()


def test_where_there_is_no_terminal_it_prints_once(seeded: Seeded) -> None:
    """What is under way and what has ended, in plain lines, and exit code 0."""
    done = subprocess.run(command(seeded), check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert "4 under way (2 waiting, 2 in the queue); 1 of the last 3 failed" in lines
    assert [line.split()[0] for line in lines if line.startswith("r01-")][:2] == ["r01-u02", "r01-u08"]
    assert "  the ramdisk did not call within 900 s: its console" in lines


def test_where_there_is_no_terminal_and_no_service(seeded: Seeded) -> None:
    """One sentence and exit code 1, as from every command."""
    seeded.server.stop()
    done = subprocess.run(command(seeded), check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    seeded.server.start()
    assert (done.returncode, done.stdout) == (1, "")
    assert "look whether `bmprov serve` runs" in done.stderr
