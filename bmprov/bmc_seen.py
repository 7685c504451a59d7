"""What was seen of a BMC lately, as every process keeps it in Redis: how often it was silent, what it refused.

`worker/drivers/manners.py` acts on it, the health page shows it.
"""

import json
from dataclasses import asdict, dataclass, replace

from bmprov.errors import BmcAuthFailed, BmcLockedOut, BmcUnreachable, BmprovError

SILENCES = 3
"""So many calls in a row must meet silence before a BMC is left alone."""
REFUSALS = 2
"""So often a password is refused before it is not tried again: many BMCs lock the account after three."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 15.0, 240.0
_URGENT_PAUSE_S = 5.0


@dataclass(frozen=True)
class Seen:
    """What was seen of a BMC lately. `silent_at` is seconds since the epoch; `refused` names the login."""

    silences: int = 0
    silent_at: float = 0.0
    pause_s: float = 0.0
    refusals: int = 0
    refused: str = ""

    @property
    def locked_out(self) -> bool:
        """Whether a login was refused so often that it is not tried again."""
        return self.refusals >= REFUSALS

    @property
    def asked_again_at(self) -> float | None:
        """Until when the sweep leaves it alone; None when it is not silent."""
        return self.silent_at + self.pause_s if self.silences >= SILENCES else None

    def refusal(self, address: str, login: str, now: float, *, urgent: bool) -> BmprovError | None:
        """Why the BMC is better left alone now; None when it may be asked."""
        if self.refused == login and self.locked_out:
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


def note_name(address: str) -> str:
    """Where it is kept what was seen of a BMC."""
    return f"manners:{address}"
