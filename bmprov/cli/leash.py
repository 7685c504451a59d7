"""Programs that are started on a leash: they die with us, and their output goes to a file."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from bmprov.parenthood import tie_to_me


def start(argv: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own, with its output appended to a file.

    Its own group: Ctrl-C in a terminal goes to a whole group, and these are stopped in order instead.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
            preexec_fn=tie_to_me(),  # noqa: PLW1509 - the supervisor that calls this has one thread
        )
