"""The watch: nudges what is due and has no live job, takes back expired reservations, and starts the power sweep.

Beside that it follows MAAS regions and tells webhooks.
It acts on nothing that is not written in SQL, so any number of watches may run, and any of them may die.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError

from bmprov.errors import BmprovError
from bmprov.heartbeat import note_sweep
from bmprov.model import BackEnd, Machine
from bmprov.queue import JobQueue
from bmprov.settings import WatchSettings
from bmprov.signs import Sweep
from bmprov.store import Store
from bmprov.store.reservations import expire

log = structlog.get_logger()


@dataclass(frozen=True)
class Watch:
    """Keeps one site going. `sweep` reads the power of the machines that it is given.

    `rounds` follows MAAS regions, `tell` calls webhooks, both until they are told to stop.
    """

    store: Store
    queue: JobQueue
    site: str
    settings: WatchSettings
    sweep: Callable[[list[Machine]], int]
    rounds: Callable[[threading.Event], None]
    tell: Callable[[threading.Event], None]

    def run(self, stopping: threading.Event) -> None:
        """Tick until `stopping` is set."""
        others = [
            threading.Thread(target=self._sweep_until, args=(stopping,), name="sweep"),
            threading.Thread(target=self.rounds, args=(stopping,), name="regions"),
            threading.Thread(target=self.tell, args=(stopping,), name="webhooks"),
        ]
        for other in others:
            other.start()
        while not stopping.wait(self.settings.tick_s):
            self._attempt(self.tick)
        for other in others:
            other.join()

    def tick(self) -> None:
        """Nudge what is due and nobody works on; take back what was reserved and never used."""
        with self.store.read() as transaction:
            due = transaction.operations.due([self.site])
            expired = transaction.machines.expired()
        if due:
            waiting = self.queue.waiting([self.site])
            for operation in due:
                if operation.id not in waiting:
                    self.queue.nudge(operation)
        if expired:
            with self.store.write() as transaction:
                expire(transaction)

    def sweep_once(self) -> None:
        """Read every machine of the site, unless another watch has begun to in this period."""
        if not self.queue.claim_turn(f"sweep:{self.site}", self.settings.sweep_s * 0.9):
            return
        with self.store.read() as transaction:
            machines = [one for one in transaction.machines.all(self.site) if one.back_end is not BackEnd.MAAS]
        began = self.store.clock()
        answered = self.sweep(machines)
        log.info("sweep", site=self.site, machines=len(machines), answered=answered)
        with suppress(RedisError):  # then the page tells the age of the newest reading
            note_sweep(self.queue.hasty, Sweep(self.site, began, self.store.clock(), len(machines), answered))

    def _sweep_until(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._attempt(self.sweep_once)
            stopping.wait(self.settings.sweep_s)

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except BmprovError as error:
            log.warning("watch met a fault and goes on", error=str(error))
        except Exception:  # the outermost loop: a watch that dies of one bad row helps nobody
            log.exception("watch met an unexpected fault and goes on")
