"""What the agent says while it works, and that it gives up."""

import sys


class GivesUp(Exception):
    """The deployment cannot go on; the text says why, to an operator."""


class Broken(GivesUp):
    """A part of the machine does not work."""


def say(text: str) -> None:
    """One line of the kernel's log, which is also the machine's console."""
    sys.stdout.write(f"bmprov agent: {text}\n")
    sys.stdout.flush()
