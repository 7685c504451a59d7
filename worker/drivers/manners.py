"""Manners towards a BMC: one that does not answer is left alone for a while, and a refused password is not repeated.

What every process has seen of a BMC is kept in Redis, so that forty workers do not each learn it anew. Losing that
costs some packets. Only silence opens the circuit: a BMC that answers, whatever it says, is there.
"""

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from bmprov.bmc_seen import Seen, note_name
from bmprov.deadline import Deadline
from worker.drivers.bmc_lock import BmcLock

KEPT_S = 7 * 86_400


class Notes(Protocol):
    """Where it is kept; `bmprov.queue.JobQueue` does, across processes."""

    def keep(self, name: str, value: bytes, for_s: int) -> None:
        """Keep some bytes."""
        ...

    def kept(self, name: str, for_s: int) -> bytes | None:
        """What is kept by this name."""
        ...

    def drop(self, name: str) -> None:
        """Keep it no longer."""
        ...


def login_name(address: str, user: str, sealed_password: bytes) -> str:
    """Names a login without telling it. A password that is told anew has another name, even when it is the same."""
    return hashlib.sha256(b"\0".join([address.encode(), user.encode(), sealed_password])).hexdigest()


@dataclass(frozen=True)
class Manners:
    """Holds a BMC through `lock`, or says at once why it is better left alone. Fulfils `BmcLock`.

    `login` is a `login_name`. `urgent` is for what somebody waits for: it may try a silent BMC again after some
    seconds, where the sweep waits for minutes.
    """

    lock: BmcLock
    notes: Notes
    login: str
    urgent: bool
    clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = field(default=lambda: random.uniform(0.8, 1.2))  # noqa: S311 - spreads probes

    @contextmanager
    def hold(self, address: str, by: Deadline) -> Iterator[None]:
        """Hold the BMC with this address.

        Raises:
            BmcBusy: another held it until the deadline.
            BmcUnreachable: it was silent lately; nothing was sent.
            BmcAuthFailed: it has refused this login too often; nothing was sent.
        """
        name = note_name(address)
        seen = Seen.of(self.notes.kept(name, KEPT_S))
        if refusal := seen.refusal(address, self.login, self.clock(), urgent=self.urgent):
            raise refusal
        ended: BaseException | None = None
        with self.lock.hold(address, by):
            try:
                yield
            except BaseException as error:
                ended = error
                raise
            finally:
                self._keep(name, seen, seen.after(ended, self.login, self.clock(), self.jitter()))

    def _keep(self, name: str, before: Seen, after: Seen) -> None:
        if after != before:
            note = after.note
            self.notes.drop(name) if note is None else self.notes.keep(name, note, KEPT_S)
