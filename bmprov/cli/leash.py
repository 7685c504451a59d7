"""Children that die with their parent, however it dies: `PR_SET_PDEATHSIG` of prctl(2).

The kernel sends the signal when the thread that has started the child ends, so children are to be started by the main
thread. It is SIGKILL because every process of ours may be killed anywhere, and nobody would be left to insist.
"""

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def start(argv: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own, with its output appended to a file.

    Its own group: Ctrl-C in a terminal goes to a whole group, and these are stopped in order instead.
    """
    libc, parent = ctypes.CDLL(None), os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it has died between the fork and the line above
            os._exit(1)

    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
            preexec_fn=tie,  # noqa: PLW1509 - the supervisor that calls this has one thread
        )
