"""One session per BMC at a time, because weak BMCs refuse or drop the second.

`bmprov.queue.JobQueue` holds a BMC across processes; `LocalBmcLock` does so within one.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from bmprov.deadline import Deadline
from bmprov.errors import BmcBusy


class BmcLock(Protocol):
    """Whoever holds a BMC may have a session on it."""

    def hold(self, address: str, by: Deadline) -> AbstractContextManager[None]:
        """Hold the BMC with this address.

        Raises:
            BmcBusy: another held it until the deadline.
        """
        ...


class NobodyElse:
    """For who holds the BMC already."""

    @contextmanager
    def hold(self, address: str, by: Deadline) -> Iterator[None]:  # noqa: ARG002 - the protocol's
        """Nothing to do."""
        yield


class LocalBmcLock:
    """Holds BMCs within one process, among its threads."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._making = threading.Lock()

    @contextmanager
    def hold(self, address: str, by: Deadline) -> Iterator[None]:
        """Hold the BMC with this address."""
        with self._making:
            lock = self._locks[address]
        if not lock.acquire(timeout=by.remaining_s):
            raise BmcBusy(f"another session of ours held BMC {address} all the time", "look for a stuck operation")
        try:
            yield
        finally:
            lock.release()
