"""The power sweep: reads every BMC of a site, so that what CloudStack is told stays true.

First the BMCs that did not answer last time are asked, all at once, whether they are there. Those that are, and those
that did answer, are read, many at a time and each by one session (the driver's lock). What was read is stored in
batches. A change that nobody ordered is an event.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import chain, islice

import structlog

from bmprov.deadline import Deadline
from bmprov.errors import BmcSilent, BmprovError
from bmprov.model import Machine, PowerReading
from bmprov.notice import power_changed
from bmprov.power import Power
from bmprov.queue import JobQueue
from bmprov.store import Store, Transaction
from worker.drivers.choice import Drivers
from worker.ipmi_round import IpmiRound
from worker.reach import reachable

log = structlog.get_logger()

_BATCH = 200
_TICK_S = 0.2
_FIRST = 8
_BUSY = 0.7  # of one processor
_ASKED_S = 2.0

_Reading = tuple[Machine, PowerReading]


class Pace:
    """How many BMCs are read at once: few while they answer as fast as we can ask, more as long as we only wait.

    Threads that all have something to do take Python's lock from one another, and everything takes twice the processor.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = min(_FIRST, most)
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def room(self, under_way: int) -> int:
        """How many more may begin."""
        return max(0, self._now - under_way)

    def tick(self) -> bool:
        """Look how busy we are, a few times a second; whether it was time to."""
        wall, cpu = time.monotonic(), time.process_time()
        if wall - self._wall < _TICK_S:
            return False
        if (cpu - self._cpu) / (wall - self._wall) < _BUSY:
            self._now = min(self._now * 2, self._most)
        self._wall, self._cpu = wall, cpu
        return True


@dataclass(frozen=True)
class Sweeper:
    """Reads the power of many machines, at most `at_once` by IPMI and as many by other protocols, each for `read_s`."""

    store: Store
    drivers: Drivers
    queue: JobQueue
    pool: ThreadPoolExecutor
    at_once: int
    read_s: float
    there: Callable[[Iterable[str]], set[str]] = field(default=reachable)

    def sweep(self, machines: Iterable[Machine]) -> int:
        """Read all of `machines` and keep what was read; the number that answered."""
        present, doubtful, silent = list[Machine](), list[Machine](), list[_Reading]()
        for machine in machines:
            (present if _answered_last(machine) else doubtful).append(machine)
        there = self.there(address for machine in doubtful for address in _addresses(machine)) if doubtful else set()
        for machine in doubtful:
            if there.intersection(_addresses(machine)):
                present.append(machine)
            else:
                silent.append((machine, PowerReading(error=str(BmcSilent(machine.bmc.address, _ASKED_S)))))
        answered = 0
        for batch in _gathered(chain([silent], self._batches(present))):
            self._keep(batch)
            answered += sum(reading.read_at is not None for _, reading in batch)
        return answered

    def _batches(self, machines: Iterable[Machine]) -> Iterator[list[_Reading]]:
        """What is read, as it comes: a slow BMC does not hold up what the others say."""
        by_ipmi, others = list[Machine](), list[Machine]()
        for machine in machines:
            (by_ipmi if machine.bmc.address.startswith("ipmi:") else others).append(machine)
        for told in IpmiRound(self.drivers, self.queue, self.at_once, self.read_s).read(by_ipmi):
            batch = list[_Reading]()
            for machine, reading in told:
                if reading is None or (reading.read_at is None and machine.second_bmc):
                    others.append(machine)  # somebody held the BMC, or there is another one to ask
                else:
                    batch.append((machine, reading))
            yield batch
        yield from self._by_threads(others)

    def _by_threads(self, machines: Iterable[Machine]) -> Iterator[list[_Reading]]:
        waiting, pace = iter(machines), Pace(self.at_once)
        under_way: set[Future[_Reading]] = set()
        batch: list[_Reading] = []
        while True:
            under_way |= {self.pool.submit(self._read, one) for one in islice(waiting, pace.room(len(under_way)))}
            if not under_way:
                break
            done, under_way = wait(under_way, timeout=_TICK_S, return_when=FIRST_COMPLETED)
            batch += map(Future.result, done)
            if pace.tick() or len(batch) >= _BATCH:
                yield batch
                batch = []
        yield batch

    def _read(self, machine: Machine) -> _Reading:
        began = self.store.clock()
        try:
            power = self.drivers.of(machine).power.read(Deadline.after(self.read_s))
        except BmprovError as error:
            return machine, PowerReading(error=str(error))
        return machine, PowerReading(power, began)

    def _keep(self, batch: list[_Reading]) -> None:
        if not batch:
            return
        news = [one for one in batch if _is_news(*one)]
        with self.store.write() as transaction:
            transaction.machines.swept_again([one for one in batch if not _is_news(*one)])
            told = [one for one in news if _store(transaction, *one)]
        for machine, reading in told:
            log.info("power", machine=machine.name, power=reading.power, error=reading.error)


def _gathered(batches: Iterable[list[_Reading]]) -> Iterator[list[_Reading]]:
    """Fewer and larger ones, for each is a transaction. They come often, if empty: nothing waits longer than a tick."""
    gathered, kept_at = list[_Reading](), time.monotonic()
    for batch in batches:
        gathered += batch
        if len(gathered) >= _BATCH or time.monotonic() - kept_at > _TICK_S:
            yield gathered
            gathered, kept_at = [], time.monotonic()
    yield gathered


def _is_news(machine: Machine, reading: PowerReading) -> bool:
    """Whether a reading says anything but that all is as it was."""
    before = machine.reading
    return reading.read_at is None or (reading.power, "") != (before.power, before.error)


def _store(transaction: Transaction, machine: Machine, reading: PowerReading) -> bool:
    """Keep what is news, with an event when nobody ordered it; whether it is to be told."""
    kept = transaction.machines.swept(machine, reading)
    if kept and _changed(machine, reading):
        what = f"out-of-band power {reading.power}"
        transaction.events.add(what, actor="bmprov", machine=machine.name, instance_id=machine.instance_id)
        transaction.outbox.tell(power_changed(machine, reading, transaction.now))
    return kept and (reading.error != machine.reading.error or _changed(machine, reading))


def _answered_last(machine: Machine) -> bool:
    """Whether it is worth a login without being asked first whether it is there."""
    return machine.reading.read_at is not None and not machine.reading.error


def _addresses(machine: Machine) -> list[str]:
    return [bmc.address for bmc in (machine.bmc, machine.second_bmc) if bmc]


def _changed(machine: Machine, reading: PowerReading) -> bool:
    before, now = machine.reading.power, reading.power
    return reading.read_at is not None and Power.UNKNOWN not in (before, now) and before is not now
