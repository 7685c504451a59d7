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
from bmprov.errors import BmcAuthFailed, BmcLockedOut, BmcUnreachable, BmprovError
from worker.drivers.bmc_lock import BmcLock

SILENCES = 3
"""So many calls in a row must meet silence before a BMC is left alone."""
REFUSALS = 2
"""So often a password is refused before it is not tried again: many BMCs lock the account after three."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 15.0, 240.0
_URGENT_PAUSE_S = 5.0
KEPT_S = 7 * 86_400


@dataclass(frozen=True)
class Seen:
    """What was seen of a BMC lately. `silent_at` is seconds since the epoch; `refused` names the login."""

    silences: int = 0
    silent_at: float = 0.0
    pause_s: float = 0.0
    refusals: int = 0
    refused: str = ""

    def refusal(self, address: str, login: str, now: float, *, urgent: bool) -> BmprovError | None:
        """Why the BMC is better left alone now; None when it may be asked."""
        if self.refused == login and self.refusals >= REFUSALS:
            return BmcLockedOut(address, self.refusals)
        left_s = self.silent_at + (min(self.pause_s, _URGENT_PAUSE_S) if urgent else self.pause_s) - now
        if self.silences < SILENCES or left_s <= 0:
            return None
        return BmcUnreachable(
            f"BMC {address} did not answer {self.silences} times in a row; it is asked again in {left_s:.0f} s",
            "check its cable, its address, its VLAN and its port",
            retry_after_s=left_s,
        )

    def after(self, error: BaseException | None, login: str, now: float, jitter: float) -> "Seen":
        """What is to be kept after a call that ended so. Each probe that meets silence doubles the pause."""
        if isinstance(error, BmcUnreachable):
            silences = self.silences + 1
            pause_s = min(_FIRST_PAUSE_S * 2.0 ** min(max(0, silences - SILENCES), 10), _LONGEST_PAUSE_S) * jitter
            return replace(self, silences=silences, silent_at=now, pause_s=pause_s)
        if isinstance(error, BmcAuthFailed):
            return Seen(refusals=self.refusals + 1 if self.refused == login else 1, refused=login)
        return Seen() if error is None else self

    @classmethod
    def of(cls, kept: bytes | None) -> "Seen":
        """What was kept."""
        return cls(**json.loads(kept)) if kept else cls()

    @property
    def note(self) -> bytes | None:
        """What to keep; None for nothing."""
        return None if self == Seen() else json.dumps(asdict(self)).encode()


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


def note_name(address: str) -> str:
    """Where it is kept what was seen of a BMC."""
    return f"manners:{address}"
