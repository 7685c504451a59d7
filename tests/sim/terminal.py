"""A program in a terminal of its own, whose keyboard and screen a test has."""

import os
import pty
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from select import select

_ENDS_S = 10.0


class Terminal:
    """The screen is `shown`, all that was ever on it."""

    def __init__(self, keyboard: int, program: "subprocess.Popen[bytes]") -> None:
        self.program = program
        self.shown = b""
        self._keyboard = keyboard

    def type(self, characters: bytes) -> None:
        os.write(self._keyboard, characters)

    def shows(self, words: bytes, times: int = 1) -> None:
        """Return once the screen has had these words so many times."""
        end = time.monotonic() + _ENDS_S
        while self.shown.count(words) < times:
            ready, _, _ = select([self._keyboard], [], [], end - time.monotonic())
            assert ready, self.shown
            self.shown += os.read(self._keyboard, 4096)


@contextmanager
def terminal(*command: str) -> Iterator[Terminal]:
    """The program for as long as the block lasts."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as program:
        os.close(theirs)
        try:
            yield Terminal(ours, program)
        finally:
            program.kill()
            os.close(ours)
