"""What follows from a receiver's answer: arrived, another try and when, given up, or never again. Pure.

Standard Webhooks, "Operational considerations"; RFC 9110, sections 10.2.3 (Retry-After) and 15.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from bmprov.webhook import Delivery, NoticeKind, is_success

FIRST_S, LONGEST_S = 5.0, 3600.0
"""Between the first try and the second, and between any two at most."""
GIVE_UP_S = 24 * 3600.0
"""How long a delivery is tried."""
HOLD_S = 60.0
"""How long at most a receiver that does not answer is left alone with everything."""
GONE = "the receiver answered 410 Gone"

_LEAST_S = 1.0
_OVERLOADED = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


@dataclass(frozen=True)
class Answer:
    """What a receiver has answered; without a `status`, `error` says why it has not."""

    status: int | None = None
    error: str = ""
    retry_after_s: float | None = None

    @property
    def overloaded(self) -> bool:
        """Whether the receiver could not look at the message."""
        return self.status is None or self.status in _OVERLOADED

    @property
    def words(self) -> str:
        """What was wrong."""
        if self.status is None:
            return self.error
        if is_success(self.status):
            return ""
        if self.status == HTTPStatus.GONE:
            return GONE
        if HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST:
            return f"it answered {self.status}, and redirects are not followed: give the webhook its new address"
        return f"it answered {self.status}{_phrase(self.status)}"


@dataclass(frozen=True)
class Arrived:
    """Nothing more to do."""


@dataclass(frozen=True)
class Again:
    """Another try in `after_s` seconds, and for `hold_s` nothing else to the same receiver."""

    after_s: float
    hold_s: float


@dataclass(frozen=True)
class GiveUp:
    """It has been tried for long enough."""


@dataclass(frozen=True)
class SwitchOff:
    """The receiver wants nothing more, ever."""


Verdict = Arrived | Again | GiveUp | SwitchOff


def judge(delivery: Delivery, answer: Answer, now: float, jitter: Callable[[], float]) -> Verdict:
    """What follows. `jitter` gives a factor (about 1) that spreads retries."""
    if is_success(answer.status):
        return Arrived()
    if answer.status == HTTPStatus.GONE:
        return SwitchOff()
    backoff_s = min(LONGEST_S, FIRST_S * 2.0 ** min(delivery.attempts - 1, 30)) * jitter()
    after_s = backoff_s if answer.retry_after_s is None else max(_LEAST_S, min(answer.retry_after_s, LONGEST_S))
    if delivery.kind is NoticeKind.PING or now + after_s > delivery.created_at + GIVE_UP_S:
        return GiveUp()
    return Again(after_s, min(after_s, HOLD_S) if answer.overloaded else 0.0)


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""
