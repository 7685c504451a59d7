"""Webhooks and their deliveries: how they are added, changed and shown. A secret is shown once, when it is made."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from bmprov.api.shapes.base import Label, Reply, Request, Trust, moment, moment_or_none
from bmprov.api.shapes.page import MOST, PageOut, PageQuery
from bmprov.orders import NewWebhook, WebhookChange
from bmprov.store.deliveries import Tally
from bmprov.webhook import SUBSCRIBED, Delivery, DeliveryState, NoticeKind, Webhook

DELIVERIES = "deliveries"
"""The list, in its cursors."""

_TRUST = "the certificate's SHA-256 fingerprint, or a CA file on the hosts of `watch`; empty: their CAs"
_INSECURE = "whether the URL may be http://, by which anybody on the way may read what is sent"

Url = Annotated[str, Field(max_length=2000, examples=["https://alerts.example/bmprov"])]
Kinds = Annotated[list[NoticeKind], Field(min_length=1, max_length=len(NoticeKind), description="what it is told of")]


class WebhookIn(Request):
    """A webhook to add."""

    name: Label
    url: Url
    kinds: Kinds = Field(default_factory=lambda: list(SUBSCRIBED))
    trust: Trust = Field("", description=_TRUST)
    insecure_http: bool = Field(False, description=_INSECURE)

    def to_order(self) -> NewWebhook:
        """The webhook as it is ordered."""
        return NewWebhook(self.name, self.url, tuple(self.kinds), self.trust, self.insecure_http)


class WebhookPatch(Request):
    """What is to change about a webhook; what is left out, or null, stays as it is."""

    url: Url | None = None
    kinds: Kinds | None = None
    trust: Trust | None = Field(None, description=_TRUST)
    on: bool | None = Field(None, description="whether anything is sent")
    insecure_http: bool = Field(False, description=_INSECURE)

    def to_order(self) -> WebhookChange:
        """The change as it is ordered."""
        kinds = None if self.kinds is None else tuple(self.kinds)
        return WebhookChange(self.url, kinds, self.trust, self.on, self.insecure_http)


class Rotation(Request):
    """How a secret is replaced."""

    at_once: bool = Field(
        False, description="whether the old one signs no more; else it does for a day, beside the new"
    )


class WebhookOut(Reply):
    """A webhook, without its secret. `off_because` says why nothing is sent."""

    id: str
    name: str
    url: str
    kinds: list[NoticeKind]
    trust: str
    off_because: str | None
    pending: int = Field(description="deliveries that have not arrived yet")
    failed: int = Field(description="deliveries of the last week that were given up")
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, webhook: Webhook, tally: Tally) -> Self:
        """A webhook, and how its deliveries stand."""
        return cls(
            id=webhook.id,
            name=webhook.name,
            url=webhook.url,
            kinds=list(webhook.kinds),
            trust=webhook.trust,
            off_because=webhook.off_because or None,
            pending=tally.pending,
            failed=tally.failed,
            created_by=webhook.created_by,
            created_at=moment(webhook.created_at),
        )


class WebhookMade(Reply):
    """A webhook and its new secret, which is shown this once."""

    webhook: WebhookOut
    secret: str


class WebhookList(PageOut):
    """Webhooks by name."""

    webhooks: list[WebhookOut]


class DeliveryFilter(PageQuery):
    """Which deliveries to list."""

    state: DeliveryState | None = None
    limit: int = Field(100, ge=1, le=MOST)

    @property
    def before(self) -> int | None:
        """The number of the last delivery of the page before."""
        begin = self.key(DELIVERIES, int)
        return int(begin[0]) if begin else None


class DeliveryOut(Reply):
    """A message to a webhook. `status` and `error` are of the last attempt; `message_id` is what the receiver sees."""

    id: int
    message_id: str
    kind: NoticeKind
    state: DeliveryState
    attempts: int
    status: int | None
    error: str | None
    created_at: datetime
    next_try_at: datetime | None
    ended_at: datetime | None
    body: str = Field(description="what is sent, to the letter: JSON as text")

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """A delivery as the API shows it."""
        return cls(
            id=delivery.id,
            message_id=delivery.message_id,
            kind=delivery.kind,
            state=delivery.state,
            attempts=delivery.attempts,
            status=delivery.status,
            error=delivery.error or None,
            created_at=moment(delivery.created_at),
            next_try_at=moment_or_none(delivery.due_at),
            ended_at=moment_or_none(delivery.ended_at),
            body=delivery.body,
        )


class DeliveryList(PageOut):
    """Deliveries, newest first."""

    deliveries: list[DeliveryOut]
