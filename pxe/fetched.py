"""What booting machines fetch, for their operations' timelines: which file, how often, how many bytes, how long.

Whoever serves a machine only puts a few words into memory. A thread gathers what belongs together, until nothing has
come of it for a moment, and writes it down for all machines in one transaction. What cannot be written for long is
dropped: it is no truth, and a machine must not wait for it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from bmprov.errors import BmprovError
from bmprov.model import NOTE, StepRun
from bmprov.quantities import size
from bmprov.store import Store, Transaction

log = structlog.get_logger()

_REST_S = 2.0
_LOOK_S = 1.0
_AGO_S = 600.0  # an operation may have ended before it is written down what its machine has fetched
_MOST = 20_000  # kept in memory while the database does not answer


@dataclass(frozen=True)
class Fetch:
    """Something that a machine has fetched or told.

    Whose: the `operation_id`, or the `address` that it came from while that is all that is known. `by` is the protocol,
    `what` the file in words. `size_bytes` is what was sent; None where that says nothing.
    """

    by: str
    what: str
    began: float
    ended: float
    operation_id: str = ""
    address: str = ""
    size_bytes: int | None = None
    times: int = 1

    @property
    def key(self) -> tuple[str, ...]:
        """What is told as one has the same."""
        return (self.operation_id, self.address, self.by, self.what)

    def with_another(self, other: "Fetch") -> "Fetch":
        """Both as one."""
        sizes = [one for one in (self.size_bytes, other.size_bytes) if one is not None]
        began, ended = min(self.began, other.began), max(self.ended, other.ended)
        total = sum(sizes) if sizes else None
        return replace(self, began=began, ended=ended, size_bytes=total, times=self.times + other.times)

    @property
    def note(self) -> StepRun:
        """The same for the timeline, as `bmprov.timeline` tells it."""
        words = self.what if self.size_bytes is None else f"{self.what}: {size(self.size_bytes)}"
        return StepRun(self.by, self.times, self.began, self.ended, NOTE, words)


class FetchLog:
    """Gathers what one process has served to the machines of one site. Threads may share it."""

    def __init__(self, store: Store, site: str, rest_s: float = _REST_S) -> None:
        self._store = store
        self._site = site
        self._clock = store.clock
        self._rest_s = rest_s
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, ...], Fetch] = {}
        self._thread: threading.Thread | None = None

    def add(self, fetch: Fetch) -> None:
        """Keep it for the timeline. Never waits for anything."""
        with self._lock:
            before = self._kept.get(fetch.key)
            if before is None and len(self._kept) >= _MOST:
                return
            self._kept[fetch.key] = before.with_another(fetch) if before else fetch
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, name="fetched", daemon=True)
                self._thread.start()

    def served(self, operation_id: str, what: str, size_bytes: int | None = None) -> None:
        """A machine has asked by HTTP, and has its answer."""
        now = self._clock()
        self.add(Fetch("HTTP", what, now, now, operation_id, size_bytes=size_bytes))

    def sending(self, what: str, operation_id: str = "", address: str = "") -> Callable[[int], None]:
        """A machine asks by HTTP for a large file: to be called with how many bytes were sent in the end."""
        began = self._clock()

        def sent(sent_bytes: int) -> None:
            self.add(Fetch("HTTP", what, began, self._clock(), operation_id, address, sent_bytes))

        return sent

    def write(self, *, everything: bool = False) -> None:
        """Write down what has come to rest.

        Raises:
            Retryable: the database does not answer; nothing is lost.
        """
        rested = self._take(everything=everything)
        try:
            self._store_all(rested)
        except BmprovError:
            for fetch in rested:
                self.add(fetch)
            raise

    def _take(self, *, everything: bool) -> list[Fetch]:
        before = self._clock() - self._rest_s
        with self._lock:
            rested = [fetch for fetch in self._kept.values() if everything or fetch.ended <= before]
            for fetch in rested:
                del self._kept[fetch.key]
        return rested

    def _store_all(self, fetches: Sequence[Fetch]) -> None:
        if fetches:
            with self._store.write() as transaction:
                for operation_id, fetch in self._owned(transaction, fetches):
                    transaction.history.note(operation_id, fetch.note)

    def _owned(self, transaction: Transaction, fetches: Sequence[Fetch]) -> list[tuple[str, Fetch]]:
        """The fetches with their operations; those of machines that are none of ours are left out."""
        asked = {fetch.address for fetch in fetches if not fetch.operation_id}
        booted = transaction.history.booted_from(self._site, sorted(asked), _AGO_S) if asked else {}
        found = [(fetch.operation_id or booted.get(fetch.address, ""), fetch) for fetch in fetches]
        return [(operation_id, fetch) for operation_id, fetch in found if operation_id]

    def _write_on(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            try:
                self.write()
            except BmprovError as error:
                log.warning("what machines have fetched is not kept yet", error=str(error))
            except Exception:  # the outermost loop of this thread
                log.exception("what machines have fetched is not kept")
