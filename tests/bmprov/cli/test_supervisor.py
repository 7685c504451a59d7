"""The supervisor with small programs: what dies is started again, what is stopped stops in order."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bmprov.cli.house import alive, kill, until

PROGRAM = """
import json, sys
from pathlib import Path
from bmprov.cli.supervisor import Part, Supervisor
folder = Path(sys.argv[1])
parts = [Part(**part) for part in json.loads(sys.argv[2])]
Supervisor(parts, folder, lambda words: print(words, flush=True)).run()
"""
SLEEPER = "echo $$ > {name}.pid; trap 'echo {name} >> ended; exit 0' TERM; while :; do sleep 60 & wait $!; done"
STUBBORN = "trap '' TERM; echo $$ > {name}.pid; while :; do sleep 60 & wait $!; done"
ENDS_S = 15


class Supervised:
    """A supervisor in a process of its own."""

    def __init__(self, folder: Path, *parts: dict[str, object]) -> None:
        self.folder = folder
        argv = [sys.executable, "-c", PROGRAM, str(folder), json.dumps(parts)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=folder)

    def pid(self, name: str) -> int:
        path = self.folder / f"{name}.pid"
        until(lambda: path.exists() and path.read_text().strip(), ENDS_S)
        return int(path.read_text())

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def stop(self) -> str:
        self.process.terminate()
        said, _ = self.process.communicate(timeout=ENDS_S)
        assert self.process.returncode == 0
        return said


def part(name: str, script: str, **more: object) -> dict[str, object]:
    return {"name": name, "argv": ["/bin/sh", "-c", script.format(name=name)], **more}


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    started = []

    def start(*parts: dict[str, object]) -> Supervised:
        started.append(Supervised(tmp_path, *parts))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


def test_what_is_killed_starts_again(supervise: Callable[..., Supervised]) -> None:
    """The line says which part, how it ended and when it starts again."""
    one = supervise(part("a", SLEEPER))
    first = one.pid("a")
    (one.folder / "a.pid").unlink()
    kill(first)
    assert one.line() == "a was killed by SIGKILL, starts again in 0.2 s"
    second = one.pid("a")
    assert one.line() == f"a runs again (process {second})"
    assert first != second


def test_what_keeps_dying_is_started_less_and_less_often(supervise: Callable[..., Supervised]) -> None:
    """The pause doubles, and the line repeats what the part has said last."""
    one = supervise(part("a", 'echo starting; echo \'{{"event": "no such key"}}\' >&2; exit 3'))
    said = [one.line() for _ in range(5)]
    assert said[0] == "a ended with exit code 3, starts again in 0.2 s: no such key"
    assert said[2].startswith("a ended with exit code 3, starts again in 0.4 s")
    assert said[4].startswith("a ended with exit code 3, starts again in 0.8 s")


def test_what_ends_well_is_done(supervise: Callable[..., Supervised]) -> None:
    """A part that is to end by itself is not started again, and its word is said."""
    one = supervise(part("a", SLEEPER), part("b", "true", once=True, said="b is done"))
    assert one.line() == "b is done"
    assert one.stop().splitlines() == ["SIGTERM: stopping"]


def test_stopping_has_an_order(supervise: Callable[..., Supervised]) -> None:
    """What others need is stopped when the others have ended."""
    one = supervise(part("needed", SLEEPER, stage=0), part("a", SLEEPER), part("b", SLEEPER))
    pids = [one.pid(name) for name in ("needed", "a", "b")]
    one.stop()
    assert (one.folder / "ended").read_text().split()[-1] == "needed"
    assert not any(alive(pid) for pid in pids)


def test_a_second_signal_insists(supervise: Callable[..., Supervised]) -> None:
    """A part that does not stop is killed when somebody asks again, but not for an echo of the first signal."""
    one = supervise(part("a", STUBBORN))
    pid = one.pid("a")
    one.process.send_signal(signal.SIGINT)
    assert one.line() == "SIGINT: stopping"
    one.process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        one.process.wait(1.2)
    assert alive(pid)
    one.process.send_signal(signal.SIGINT)
    assert one.line() == "a did not stop and is killed"
    assert one.process.wait(ENDS_S) == 0
    assert not alive(pid)


def test_nothing_is_left_of_a_dead_part(supervise: Callable[..., Supervised]) -> None:
    """The children of a part that died are ended before it starts again: they would hold its port."""
    one = supervise(part("a", "sleep 300 & echo $! > child.pid; " + SLEEPER))
    first, child = one.pid("a"), one.pid("child")
    kill(first)
    assert one.line().startswith("a was killed")
    until(lambda: not alive(child), ENDS_S)


def test_nobody_outlives_the_supervisor(supervise: Callable[..., Supervised]) -> None:
    """Killed with SIGKILL, it takes its parts with it, stubborn ones too."""
    one = supervise(part("a", SLEEPER), part("b", STUBBORN))
    pids = [one.pid("a"), one.pid("b")]
    os.kill(one.process.pid, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in pids), ENDS_S)
