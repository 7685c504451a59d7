"""Reading many machines' power by IPMI in one thread: the BMCs are held by the dozen, and each has its conversation."""

import random
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bmprov.bmc_seen import Seen, note_name
from bmprov.deadline import Deadline
from bmprov.errors import BmprovError
from bmprov.model import Machine, PowerReading
from bmprov.queue import JobQueue
from worker.conversations import Conversations
from worker.drivers.bmc_lock import NobodyElse
from worker.drivers.choice import Drivers
from worker.drivers.ipmi import IpmiDriver
from worker.drivers.ipmi_session import connected
from worker.drivers.manners import KEPT_S

_TURN_S = 0.05
_HELD_S = 0.01  # a BMC that has been read, until others come with it: a worker may be waiting for it
_FEW = 16

Read = tuple[Machine, PowerReading | None]
"""A machine and its reading; None when another held its BMC, so that it was not asked."""


@dataclass
class _Visit:
    """One BMC that is held."""

    machine: Machine
    login: str
    token: bytes
    seen: Seen
    reading: PowerReading | None = None
    error: BmprovError | None = None


class IpmiRound:
    """Reads machines whose first BMC speaks IPMI, at most `at_once`; each reading is bounded by `read_s`."""

    def __init__(self, drivers: Drivers, queue: JobQueue, at_once: int, read_s: float) -> None:
        self._drivers = drivers
        self._queue = queue
        self._at_once = at_once
        self._read_s = read_s

    def read(self, machines: Iterable[Machine]) -> Iterator[list[Read]]:
        """Read all of them; what is known since it was told last, many times a second, if nothing."""
        waiting, talks, ended = deque(machines), Conversations(), list[_Visit]()
        try:
            let_go_at = time.monotonic()
            while waiting or talks.under_way or ended:
                room = self._at_once - talks.under_way
                told: list[Read] = []
                if len(ended) >= _FEW or (ended and time.monotonic() - let_go_at > _HELD_S):
                    told, let_go_at = self._let_go(ended), time.monotonic()
                if waiting and (room >= _FEW or not talks.under_way):
                    wanted = [waiting.popleft() for _ in range(min(room, len(waiting)))]
                    told += self._begin(wanted, talks, ended)
                yield told
                if talks.under_way or ended:
                    talks.turn(_HELD_S if ended else _TURN_S)
        finally:
            talks.close()

    def _begin(self, machines: list[Machine], talks: Conversations, ended: list[_Visit]) -> list[Read]:
        """Hold their BMCs and begin to ask them; those that are not asked."""
        addresses = [machine.bmc.address for machine in machines]
        holds = self._queue.hold_many(addresses, list(map(note_name, addresses)), KEPT_S)
        told: list[Read] = []
        for machine, hold in zip(machines, holds, strict=True):
            if hold.token is None:
                told.append((machine, None))
                continue
            login, seen = self._drivers.login_name(machine.bmc), Seen.of(hold.note)
            visit = _Visit(machine, login, hold.token, seen)
            refusal = seen.refusal(machine.bmc.address, login, time.time(), urgent=False)
            if refusal is None:
                talks.start(lambda visit=visit: self._visit(visit, talks, ended))  # type: ignore[misc] # bound now
            else:
                visit.reading = PowerReading(error=str(refusal))
                ended.append(visit)
        return told

    def _visit(self, visit: _Visit, talks: Conversations, ended: list[_Visit]) -> None:
        began = time.time()
        try:
            login = self._drivers.login(visit.machine.bmc)
            driver = IpmiDriver(
                login, NobodyElse(), self._drivers.habits, connect=lambda login: talks.calm(connected(login))
            )
            visit.reading = PowerReading(driver.read(Deadline.after(self._read_s)), began)
        except BmprovError as error:
            visit.error, visit.reading = error, PowerReading(error=str(error))
        ended.append(visit)

    def _let_go(self, ended: list[_Visit]) -> list[Read]:
        """Let go of the BMCs that were read, and note what was seen of them."""
        notes: dict[str, bytes | None] = {}
        for visit in ended:
            refused = visit.reading is not None and visit.reading.read_at is None and visit.error is None
            jitter = random.uniform(0.8, 1.2)  # noqa: S311 - spreads probes
            after = visit.seen if refused else visit.seen.after(visit.error, visit.login, time.time(), jitter)
            if after != visit.seen:
                notes[note_name(visit.machine.bmc.address)] = after.note
        self._queue.let_go_many({visit.machine.bmc.address: visit.token for visit in ended}, notes, KEPT_S)
        told: list[Read] = [(visit.machine, visit.reading) for visit in ended]
        ended.clear()
        return told
