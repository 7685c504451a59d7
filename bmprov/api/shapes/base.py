"""What all shapes share."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$")]
"""The name of something: letters, digits, `.`, `_` and `-`, at most 64, beginning and ending with a letter or digit."""

Key = Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""The name or the id of something, in a path. PostgreSQL takes no NUL in a text."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line of free text."""

Sha256 = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9A-Fa-f]{64}$")]
"""A SHA-256 in hexadecimal."""


_FINGERPRINT = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def _trust(text: str) -> str:
    """A fingerprint as it is stored, or a path as it is."""
    if not text or text.startswith("/"):
        return text
    found = _FINGERPRINT.fullmatch(text.lower().replace(":", "").replace("sha256", "", 1))
    if not found:
        raise ValueError("it is a certificate's SHA-256 fingerprint of 64 hexadecimal digits, or the path of a CA file")
    return f"sha256:{found[1]}"


Trust = Annotated[Line, AfterValidator(_trust)]
"""What vouches for a certificate: its SHA-256 fingerprint, or a CA file on the workers; empty: their CAs."""


Moment = AwareDatetime
"""A time with its zone, as RFC 3339 has it, or seconds since the epoch."""


class Request(BaseModel):
    """What a caller sends. A field that nobody knows is refused, because a misspelt one would be ignored in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Reply(BaseModel):
    """What the service answers."""

    model_config = ConfigDict(frozen=True)


def moment(seconds: float) -> datetime:
    """A time of ours as RFC 3339 has it, in UTC; never a later one, so that who asks for all `since` then gets it."""
    at = datetime.fromtimestamp(seconds, UTC)  # to the nearest microsecond
    return at if at.timestamp() <= seconds else at - timedelta(microseconds=1)


def moment_or_none(seconds: float | None) -> datetime | None:
    """The same for a time that may not have come."""
    return None if seconds is None else moment(seconds)


def seconds(at: datetime | None) -> float | None:
    """Our own time, of one that a caller has named."""
    return None if at is None else at.timestamp()
