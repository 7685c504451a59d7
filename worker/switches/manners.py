"""Manners towards a switch: one that is silent is left alone for a while, and a refused password is not repeated.

What every process has seen of a switch is kept in Redis, as of BMCs (`worker/drivers/manners.py`): twenty machines on
a switch that hangs keep one worker waiting and not all, and an account is not locked by twenty deployments. A login is
tried again by and by, because it may be the switch's RADIUS or TACACS server that refuses everybody.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from bmprov.deadline import Deadline
from bmprov.errors import (
    BmprovError,
    SwitchAuthFailed,
    SwitchBusy,
    SwitchLockedOut,
    SwitchMismatch,
    SwitchRefused,
    SwitchUnreachable,
)
from worker.drivers.manners import Notes
from worker.switches.switch_lock import SwitchLock

SILENCES = 3
"""So many sessions in a row must meet silence before a switch is left alone."""
REFUSALS = 2
"""So often a login is refused before it is left alone."""
LOGIN_PAUSE_S = 600.0

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 30.0
_KEPT_S = 86_400
_ANSWERS = (SwitchRefused, SwitchMismatch, SwitchBusy)


@dataclass(frozen=True)
class Seen:
    """What was seen of a switch lately; times are seconds since the epoch. `refused` names the login."""

    silences: int = 0
    silent_at: float = 0.0
    refusals: int = 0
    refused: str = ""
    refused_at: float = 0.0

    def objection(self, address: str, login: str, now: float) -> BmprovError | None:
        """Why the switch is better left alone now; None when it may be asked."""
        if self.refused == login and self.refusals >= REFUSALS and now < self.refused_at + LOGIN_PAUSE_S:
            return SwitchLockedOut(address, self.refusals, self.refused_at + LOGIN_PAUSE_S - now)
        left_s = self.silent_at + self._pause_s - now
        if self.silences < SILENCES or left_s <= 0:
            return None
        return SwitchUnreachable(
            f"switch {address} did not answer {self.silences} times in a row, and is asked again in a moment",
            "check its management port and SSH, and its load",
            retry_after_s=left_s,
        )

    @property
    def _pause_s(self) -> float:
        return min(_FIRST_PAUSE_S * 2.0 ** min(max(0, self.silences - SILENCES), 10), _LONGEST_PAUSE_S)

    def after(self, error: BaseException | None, login: str, now: float) -> "Seen":
        """What is to be kept after a session that ended so."""
        if isinstance(error, SwitchUnreachable):
            return replace(self, silences=self.silences + 1, silent_at=now)
        if isinstance(error, SwitchAuthFailed):
            return Seen(refusals=self.refusals + 1 if self.refused == login else 1, refused=login, refused_at=now)
        return Seen() if error is None or isinstance(error, _ANSWERS) else self


@dataclass(frozen=True)
class SwitchManners:
    """Holds a switch through `lock`, or says at once why it is better left alone. Fulfils `SwitchLock`.

    `login` is a `worker.drivers.manners.login_name`.
    """

    lock: SwitchLock
    notes: Notes
    login: str
    clock: Callable[[], float] = time.time

    @contextmanager
    def hold(self, address: str, by: Deadline) -> Iterator[None]:
        """Hold the switch with this address.

        Raises:
            SwitchBusy: another held it until the deadline.
            SwitchUnreachable: it was silent lately; nothing was sent.
            SwitchLockedOut: it has refused this login lately; nothing was sent.
        """
        name = f"switch-manners:{address}"
        kept = self.notes.kept(name, _KEPT_S)
        seen = Seen(**json.loads(kept)) if kept else Seen()
        if objection := seen.objection(address, self.login, self.clock()):
            raise objection
        ended: BaseException | None = None
        with self.lock.hold(address, by):
            noted = seen
            if seen.silences >= SILENCES:  # this one tries again; who comes meanwhile need not wait for it
                noted = replace(seen, silent_at=self.clock() + by.remaining_s)
                self._keep(name, noted)
            try:
                yield
            except BaseException as error:
                ended = error
                raise
            finally:
                if (after := seen.after(ended, self.login, self.clock())) != noted:
                    self._keep(name, after)

    def _keep(self, name: str, seen: Seen) -> None:
        self.notes.drop(name) if seen == Seen() else self.notes.keep(name, json.dumps(asdict(seen)).encode(), _KEPT_S)
