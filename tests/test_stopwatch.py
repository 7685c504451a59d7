"""The stopwatch counts what is waited for, and not what the host kept from this process."""

import os
import signal
import subprocess
import sys
import time

from tests.stopwatch import Stopwatch

_PROGRAM = """
import sys, time
from tests.stopwatch import Stopwatch

watch = Stopwatch()
print("begun", flush=True)
sys.stdin.readline()
print(watch.took_s())
"""


def test_what_is_waited_for_counts() -> None:
    watch = Stopwatch()
    time.sleep(1)
    assert 0.3 < watch.took_s() < 1.5


def test_a_process_that_was_held_up_is_not_slow() -> None:
    command = [sys.executable, "-c", _PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as held_up:
        assert held_up.stdin
        assert held_up.stdout
        assert held_up.stdout.readline() == "begun\n"
        time.sleep(0.1)
        os.kill(held_up.pid, signal.SIGSTOP)
        time.sleep(3)
        os.kill(held_up.pid, signal.SIGCONT)
        time.sleep(0.1)
        held_up.stdin.close()
        assert 0.1 < float(held_up.stdout.read()) < 2
