"""Processes that die with their parent, however it dies: `PR_SET_PDEATHSIG` of prctl(2).

The kernel sends the signal when the thread that has started the child ends, so children are to be started by the main
thread. It is SIGKILL because every process of ours may be killed anywhere, and nobody would be left to insist.
"""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def tie_to_me() -> Callable[[], None]:
    """What a child calls first of all, to die with the process that has called this."""
    libc, parent = ctypes.CDLL(None), os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it has died between the fork and the line above
            os._exit(1)

    return tie
