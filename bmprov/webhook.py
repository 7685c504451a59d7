"""Webhooks: what is told of, to whom, and how a message is signed. Pure.

Standard Webhooks (https://www.standardwebhooks.com): the body is `{"type", "timestamp", "data"}`; what is signed is the
message's id, the time of the attempt and the body, with full stops between them; a secret is `whsec_` and base64.
"""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any

_PREFIX = "whsec_"
_SECRET_BYTES = 32  # the specification: 24 to 64
_TEXT_CHARS = 2000  # it asks for bodies below 20 kB; the words of a BMC or a ramdisk have no end of their own


class NoticeKind(StrEnum):
    """What is told of. `PING` is sent when somebody asks for it, to whatever a webhook is subscribed."""

    OPERATION_ENDED = "operation.ended"
    POWER = "power.out-of-band"
    MACHINE_ERROR = "machine.error"
    PING = "ping"


SUBSCRIBED = (NoticeKind.OPERATION_ENDED, NoticeKind.POWER, NoticeKind.MACHINE_ERROR)
"""What a webhook may be subscribed to."""


class DeliveryState(StrEnum):
    """Where a delivery stands. The last two are final."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Notice:
    """Something that has happened at `at`. `cause` names it, so that it is told once however often it is found."""

    kind: NoticeKind
    cause: str
    at: float
    data: Mapping[str, Any]

    @property
    def body(self) -> str:
        """What is sent, to the letter."""
        data = {name: _bounded(value) for name, value in self.data.items()}
        told = {"type": self.kind, "timestamp": rfc3339(self.at), "data": data}
        return json.dumps(told, separators=(",", ":"))


@dataclass(frozen=True)
class SealedSecret:
    """A secret as `bmprov.vault` has sealed it, which signs until `until`; without one, until it is replaced."""

    sealed: bytes = field(repr=False)
    until: float | None = None


@dataclass(frozen=True)
class Webhook:
    """Whom to tell. The first of `secrets` is the one that holds; `trust` is as `Bmc` has it.

    `off_because` is why nothing is sent; empty while it is on.
    """

    id: str
    name: str
    url: str
    secrets: tuple[SealedSecret, ...] = field(repr=False)
    kinds: tuple[NoticeKind, ...]
    trust: str = ""
    off_because: str = ""
    created_by: str = ""
    created_at: float = 0.0

    def signing(self, now: float) -> list[SealedSecret]:
        """The secrets that sign now."""
        return [one for one in self.secrets if one.until is None or one.until > now]


@dataclass(frozen=True)
class Delivery:
    """A message to one webhook. It is tried from `created_at` on; `status` and `error` are of the last attempt.

    `due_at` is when it is tried next; None when it has ended. A `status` of None is no answer at all.
    """

    id: int
    webhook_id: str
    cause: str
    kind: NoticeKind
    body: str
    created_at: float
    attempts: int = 0
    due_at: float | None = None
    ended_at: float | None = None
    status: int | None = None
    error: str = ""

    @property
    def message_id(self) -> str:
        """What the receiver knows it by, the same in every attempt, and without a full stop."""
        return f"msg_{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.webhook_id} {self.cause}').hex}"

    @property
    def state(self) -> DeliveryState:
        """Whether it goes on, and how it has ended."""
        if self.ended_at is None:
            return DeliveryState.PENDING
        return DeliveryState.DELIVERED if is_success(self.status) else DeliveryState.FAILED


def is_success(status: int | None) -> bool:
    """Whether a status of HTTP says that the message has arrived."""
    return status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def new_secret() -> str:
    """A secret in the spelling of Standard Webhooks."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(message_id: str, body: str, at: float, signing: Iterable[str]) -> dict[str, str]:
    """The headers that go with an attempt at `at`: one signature for each secret."""
    stamp = str(int(at))
    content = f"{message_id}.{stamp}.{body}".encode()
    signatures = " ".join(f"v1,{_signature(secret, content)}" for secret in signing)
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signatures}


def rfc3339(at: float) -> str:
    """A time in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def _bounded(value: object) -> object:
    return f"{value[: _TEXT_CHARS - 1]}…" if isinstance(value, str) and len(value) > _TEXT_CHARS else value
