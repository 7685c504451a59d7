"""Manners towards a BMC: one that does not answer is left alone for a while, and a refused password is not repeated.

What every process has seen of a BMC is kept in Redis, so that forty workers do not each learn it anew. Losing that
costs some packets. Only silence opens the circuit: a BMC that answers, whatever it says, is there.
"""

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcLockedOut, BmcUnreachable
from worker.drivers.bmc_lock import BmcLock

SILENCES = 3
"""So many calls in a row must meet silence before a BMC is left alone."""
REFUSALS = 2
"""So often a password is refused before it is not tried again: many BMCs lock the account after three."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 15.0, 240.0
_URGENT_PAUSE_S = 5.0
_KEPT_S = 7 * 86_400


@dataclass(frozen=True)
class Seen:
    """What was seen of a BMC lately. `silent_at` is seconds since the epoch; `refused` names the login."""

    silences: int = 0
    silent_at: float = 0.0
    pause_s: float = 0.0
    refusals: int = 0
    refused: str = ""


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
        seen = self._seen(address)
        self._refuse(seen, address)
        with self.lock.hold(address, by):
            try:
                yield
            except BmcUnreachable:
                self._note(address, self._silent(seen))
                raise
            except BmcAuthFailed:
                refusals = seen.refusals + 1 if seen.refused == self.login else 1
                self._note(address, Seen(refusals=refusals, refused=self.login))
                raise
        if seen != Seen():
            self.notes.drop(_name(address))

    def _refuse(self, seen: Seen, address: str) -> None:
        if seen.refused == self.login and seen.refusals >= REFUSALS:
            raise BmcLockedOut(address, seen.refusals)
        pause_s = min(seen.pause_s, _URGENT_PAUSE_S) if self.urgent else seen.pause_s
        left_s = seen.silent_at + pause_s - self.clock()
        if seen.silences >= SILENCES and left_s > 0:
            raise BmcUnreachable(
                f"BMC {address} did not answer {seen.silences} times in a row; it is asked again in {left_s:.0f} s",
                "check its cable, its address, its VLAN and its port",
                retry_after_s=left_s,
            )

    def _silent(self, seen: Seen) -> Seen:
        """Twice as long a pause after each probe that meets silence."""
        silences = seen.silences + 1
        doublings = max(0, silences - SILENCES)
        pause_s = min(_FIRST_PAUSE_S * 2.0 ** min(doublings, 10), _LONGEST_PAUSE_S) * self.jitter()
        return replace(seen, silences=silences, silent_at=self.clock(), pause_s=pause_s)

    def _seen(self, address: str) -> Seen:
        kept = self.notes.kept(_name(address), _KEPT_S)
        return Seen(**json.loads(kept)) if kept else Seen()

    def _note(self, address: str, seen: Seen) -> None:
        self.notes.keep(_name(address), json.dumps(asdict(seen)).encode(), _KEPT_S)


def _name(address: str) -> str:
    return f"manners:{address}"
