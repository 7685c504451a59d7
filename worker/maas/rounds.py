"""The rounds among the MAAS regions of a site: each is followed at its interval, and a slow one holds nobody up.

Between two rounds there is a look at the machines that somebody waits for.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from bmprov.errors import BmprovError
from bmprov.model import Region
from bmprov.queue import JobQueue
from bmprov.store import Store

log = structlog.get_logger()

_TICK_S = 1.0
_AT_ONCE = 16


@dataclass(frozen=True)
class RegionRounds:
    """Calls `follow` for each region every `every_s` seconds, for a new one at once; in one watch of all that run.

    `look` is called every `look_s` seconds.
    """

    store: Store
    queue: JobQueue
    site: str
    every_s: float
    follow: Callable[[Region], int]
    look_s: float
    look: Callable[[Region], int]
    _under_way: dict[str, Future[None]] = field(default_factory=dict)

    def run(self, stopping: threading.Event) -> None:
        """Go on until `stopping` is set."""
        with ThreadPoolExecutor(_AT_ONCE, "region") as pool:
            while not stopping.is_set():
                try:
                    self._begin(pool)
                except BmprovError as error:
                    log.warning("MAAS regions wait", why=str(error))
                stopping.wait(_TICK_S)

    def _begin(self, pool: ThreadPoolExecutor) -> None:
        with self.store.read() as transaction:
            regions = transaction.regions.all(self.site)
        for region in regions:
            before = self._under_way.get(region.id)
            free = before is None or before.done()
            if free and self.queue.claim_turn(f"region:{region.id}", self.every_s * 0.9):
                self._under_way[region.id] = pool.submit(self._one, region, self.follow)
            elif free and self.queue.claim_turn(f"look:{region.id}", self.look_s * 0.9):
                self._under_way[region.id] = pool.submit(self._one, region, self.look)

    def _one(self, region: Region, ask: Callable[[Region], int]) -> None:
        try:
            machines = ask(region)
            log.debug("MAAS region", region=region.name, machines=machines)
        except BmprovError as error:
            log.warning("MAAS region could not be kept", region=region.name, why=str(error))
        except Exception:  # the outermost loop of a thread: what one region says must not end the rounds
            log.exception("MAAS region met an unexpected fault", region=region.name)
