"""One session of ours on a switch at a time: two would mix their lines, and many switches have few lines to log in by.

`bmprov.queue.JobQueue` holds a switch across processes, as it holds BMCs.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol

from bmprov.deadline import Deadline
from bmprov.errors import BmcBusy, SwitchHeld
from bmprov.queue import JobQueue

_GRACE_S = 2.0


class SwitchLock(Protocol):
    """Whoever holds a switch may have a session on it."""

    def hold(self, address: str, by: Deadline) -> AbstractContextManager[None]:
        """Hold the switch with this address, not longer than until the deadline.

        Raises:
            SwitchHeld: another held it until the deadline.
        """
        ...


class QueueSwitchLock:
    """Holds switches across processes. A lock whose process was killed runs out with its deadline.

    `patience_s` is how long to wait for another session of ours: a worker that waits longer is missed elsewhere.
    """

    def __init__(self, queue: JobQueue, patience_s: float = 2.0) -> None:
        self._queue = queue
        self._patience_s = patience_s

    @contextmanager
    def hold(self, address: str, by: Deadline) -> Iterator[None]:
        """Hold the switch with this address."""
        with ExitStack() as held:
            try:
                patience = by.within(self._patience_s)
                held.enter_context(self._queue.hold(f"switch:{address}", patience, for_s=by.remaining_s + _GRACE_S))
            except BmcBusy as error:
                raise _busy(address) from error
            yield


class LocalSwitchLock:
    """Holds switches within one process, among its threads."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._making = threading.Lock()

    @contextmanager
    def hold(self, address: str, by: Deadline) -> Iterator[None]:
        """Hold the switch with this address."""
        with self._making:
            lock = self._locks[address]
        if not lock.acquire(timeout=by.remaining_s):
            raise _busy(address)
        try:
            yield
        finally:
            lock.release()


def _busy(address: str) -> SwitchHeld:
    return SwitchHeld(f"another session of ours holds switch {address}", "look for a stuck operation")
