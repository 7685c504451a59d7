"""Keeps the processes of one `bmprov up` running: starts them in order, restarts what dies, stops them in order.

One thread, and no wait that a signal or a death does not end: it sleeps on the children's pidfds (pidfd_open(2)) and on
the socket into which Python writes signals.
"""

import json
import math
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bmprov.cli import leash

_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_RESTART_FIRST_S = 0.2
_RESTART_CAP_S = 30.0
_STABLE_S = 10.0
_GRACE_S = 25.0  # the API gives its requests 20 s
_ECHO_S = 1.0  # timeout(1) and some shells send the same signal twice
_TAIL_BYTES = 4096
_TAIL_CHARS = 240


def _at_once() -> None:
    """Nothing to wait for."""


@dataclass(frozen=True)
class Part:
    """A program to keep running.

    `answers` returns once it does, before the next is started. With `once` it is to end by itself, and `said` is told
    then. Parts with a higher `stage` are stopped first.
    """

    name: str
    argv: Sequence[str]
    stage: int = 1
    answers: Callable[[], None] = _at_once
    once: bool = False
    said: str = ""


@dataclass
class _Running:
    """A part that has been started, and how often it died before."""

    part: Part
    process: subprocess.Popen[bytes]
    began: float
    handle: int
    deaths: int


@dataclass
class Supervisor:
    """Runs `parts`; their output goes to `logs`, what a person should know to `say`."""

    parts: Sequence[Part]
    logs: Path
    say: Callable[[str], object]
    clock: Callable[[], float] = time.monotonic
    _running: dict[str, _Running] = field(default_factory=dict, init=False)
    _due: list[tuple[float, Part, int]] = field(default_factory=list, init=False)
    _told_at: float | None = field(default=None, init=False)
    _told_by: str = field(default="", init=False)
    _insisted: bool = field(default=False, init=False)

    def run(self) -> None:
        """Start everything and keep it running until SIGTERM, SIGINT or SIGHUP; then stop it."""
        with selectors.DefaultSelector() as events, self._hearing(events):
            try:
                for part in self.parts:
                    self._start(part, events)
                    part.answers()
                while self._told_at is None:
                    self._turn(events)
                self.say(f"{self._told_by}: stopping")
            finally:
                self._stop(events)

    def _turn(self, events: selectors.BaseSelector) -> None:
        """Wait for the next thing to happen, and do what it asks for."""
        wait_s = max(0.0, min(at for at, _, _ in self._due) - self.clock()) if self._due else None
        for running in self._ended(events, wait_s):
            self._bury(running, events)
        ready = [one for one in self._due if one[0] <= self.clock()]
        self._due = [one for one in self._due if one not in ready]
        for _, part, deaths in ready:
            self._start(part, events, deaths)

    def _start(self, part: Part, events: selectors.BaseSelector, deaths: int = 0) -> None:
        process = leash.start(part.argv, self.logs / f"{part.name}.log")
        running = _Running(part, process, self.clock(), os.pidfd_open(process.pid), deaths)
        self._running[part.name] = running
        events.register(running.handle, selectors.EVENT_READ, running)
        if deaths:
            self.say(f"{part.name} runs again (process {process.pid})")

    def _ended(self, events: selectors.BaseSelector, wait_s: float | None) -> Iterator[_Running]:
        for key, _ in events.select(wait_s):
            if isinstance(key.data, _Running):
                yield key.data
            else:
                _drain(key.data)

    def _bury(self, running: _Running, events: selectors.BaseSelector) -> None:
        part, code = running.part, self._reap(running, events)
        if part.once and code == 0:
            self.say(part.said)
            return
        deaths = 1 if self.clock() - running.began > _STABLE_S else running.deaths + 1
        pause_s = min(_RESTART_CAP_S, _RESTART_FIRST_S * 2 ** (deaths - 1))
        self._due.append((self.clock() + pause_s, part, deaths))
        last = _last_line(self.logs / f"{part.name}.log")
        self.say(f"{part.name} {_how(code)}, starts again in {pause_s:g} s{': ' if last else ''}{last}")

    def _reap(self, running: _Running, events: selectors.BaseSelector) -> int:
        """Take the exit code of a part that has ended, and end what it has left in its process group.

        The group first: as long as the part is not reaped, its number belongs to nobody else.
        """
        events.unregister(running.handle)
        os.close(running.handle)
        with suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)
        del self._running[running.part.name]
        return running.process.wait()

    def _stop(self, events: selectors.BaseSelector) -> None:
        """Stop everything, stage by stage; with force what takes too long, or all when a second signal asks for it."""
        for stage in sorted({part.stage for part in self.parts}, reverse=True):
            for running in self._of(stage):
                running.process.terminate()
            self._let_end(stage, self.clock() + _GRACE_S, events)
            for running in self._of(stage):
                self.say(f"{running.part.name} did not stop and is killed")
                running.process.kill()
            self._let_end(stage, math.inf, events)

    def _let_end(self, stage: int, until: float, events: selectors.BaseSelector) -> None:
        """Wait until every part of a stage has ended, or until `until`, or until somebody insists."""
        while self._of(stage) and self.clock() < until and not (self._insisted and until < math.inf):
            for ended in self._ended(events, min(until - self.clock(), _GRACE_S)):
                self._reap(ended, events)

    def _of(self, stage: int) -> list[_Running]:
        return [running for running in self._running.values() if running.part.stage == stage]

    @contextmanager
    def _hearing(self, events: selectors.BaseSelector) -> Iterator[None]:
        """Count the signals that ask us to stop; each also wakes the selector."""
        inbox, outbox = socket.socketpair()
        inbox.setblocking(False)
        outbox.setblocking(False)
        before = {number: signal.signal(number, self._hear) for number in _STOPS}
        waker = signal.set_wakeup_fd(outbox.fileno(), warn_on_full_buffer=False)
        events.register(inbox, selectors.EVENT_READ, inbox)
        try:
            yield
        finally:
            signal.set_wakeup_fd(waker)
            for number, handler in before.items():
                signal.signal(number, handler)
            inbox.close()
            outbox.close()

    def _hear(self, number: int, _frame: object) -> None:
        """Note it and no more: a handler may run in the middle of anything, `say` included."""
        if self._told_at is None:
            self._told_at, self._told_by = self.clock(), signal.Signals(number).name
        elif self.clock() - self._told_at > _ECHO_S:
            self._insisted = True


def _drain(inbox: socket.socket) -> None:
    with suppress(BlockingIOError):
        while inbox.recv(64):
            pass


def _how(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _last_line(log: Path) -> str:
    """What a part has said last: its sentence, when it ended with one."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else ""
    with suppress(ValueError, AttributeError):
        last = str(json.loads(last).get("event", last))
    return last[:_TAIL_CHARS]
