"""The orders about webhooks: add, change, rotate the secret, remove, and send something now. For administrators.

A secret is made here, sealed at once, and told once to whoever has ordered it. Nothing here opens one again.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bmprov.errors import Conflict, Invalid, NotFound
from bmprov.notice import ping
from bmprov.orders.desk import Caller, OrderDesk, note
from bmprov.store import Transaction
from bmprov.webhook import SUBSCRIBED, Delivery, NoticeKind, SealedSecret, Webhook, new_secret
from bmprov.webhook_url import webhook_host, webhook_url

ROTATION_S = 24 * 3600.0
"""How long a secret that was replaced signs beside its successor."""


@dataclass(frozen=True)
class NewWebhook:
    """A webhook to add. `insecure_http` allows a URL without TLS; the other fields are those of `Webhook`."""

    name: str
    url: str
    kinds: tuple[NoticeKind, ...] = SUBSCRIBED
    trust: str = ""
    insecure_http: bool = False


@dataclass(frozen=True)
class WebhookChange:
    """What is to change about a webhook; None stays as it is. `on` switches it on or off."""

    url: str | None = None
    kinds: tuple[NoticeKind, ...] | None = None
    trust: str | None = None
    on: bool | None = None
    insecure_http: bool = False


class WebhookOrders(OrderDesk):
    """Orders about webhooks."""

    def add_webhook(self, new: NewWebhook, caller: Caller) -> tuple[Webhook, str]:
        """Enter a webhook; it and its secret.

        Raises:
            Conflict: its name is another's.
            Invalid: its URL, or what it is subscribed to, makes no sense.
        """
        secret = new_secret()
        webhook = Webhook(
            id=str(uuid.uuid4()),
            name=new.name,
            url=webhook_url(new.url, insecure_http=new.insecure_http),
            secrets=(self._sealed_secret(secret),),
            kinds=_checked(new.kinds),
            trust=new.trust,
            created_by=caller.name,
        )
        _refuse_idle_trust(webhook)
        with self._store.write() as transaction:
            transaction.webhooks.add(webhook)
            detail = f"{webhook.name} at {webhook_host(webhook.url)}: {', '.join(webhook.kinds)}"
            note(transaction, caller, "webhook added", detail)
            return webhook_named(transaction, webhook.id), secret

    def change_webhook(self, name: str, change: WebhookChange, caller: Caller) -> Webhook:
        """Change a webhook; what is not told stays. What waits for another try is tried now, or given up if it is off.

        Raises:
            Invalid: its fields would make no sense.
        """
        with self._store.write() as transaction:
            webhook = webhook_named(transaction, name)
            columns, told = _change(change, caller)
            _refuse_idle_trust(replace(webhook, **columns))
            if columns:
                transaction.webhooks.change(webhook.id, **columns)
                changed = webhook_named(transaction, webhook.id)
                if changed.off_because:
                    transaction.deliveries.drop(webhook.id, changed.off_because)
                else:
                    transaction.deliveries.hasten(webhook.id)
                note(transaction, caller, "webhook changed", f"{webhook.name}: {', '.join(told)}")
            return webhook_named(transaction, webhook.id)

    def rotate_webhook(self, name: str, caller: Caller, *, at_once: bool = False) -> tuple[Webhook, str]:
        """Give a webhook a new secret; it and the secret. Unless `at_once`, the one before it signs for a day more."""
        secret = new_secret()
        with self._store.write() as transaction:
            webhook = webhook_named(transaction, name)
            before = () if at_once else (replace(webhook.secrets[0], until=transaction.now + ROTATION_S),)
            transaction.webhooks.change(webhook.id, secrets=(self._sealed_secret(secret), *before))
            detail = f"{webhook.name}: the old one {'signs no more' if at_once else 'signs for a day more'}"
            note(transaction, caller, "webhook secret rotated", detail)
            return webhook_named(transaction, webhook.id), secret

    def remove_webhook(self, name: str, caller: Caller) -> None:
        """Forget a webhook and what it was told."""
        with self._store.write() as transaction:
            webhook = webhook_named(transaction, name)
            transaction.webhooks.remove(webhook)
            note(transaction, caller, "webhook removed", f"{webhook.name} at {webhook_host(webhook.url)}")

    def ping_webhook(self, name: str, caller: Caller) -> Delivery:
        """Send a test to a webhook, once; the delivery, which is under way.

        Raises:
            Conflict: it is off.
        """
        with self._store.write() as transaction:
            webhook = webhook_named(transaction, name)
            _refuse_off(webhook)
            notice = ping(webhook, transaction.now)
            transaction.outbox.tell_one(notice, webhook.id)
            note(transaction, caller, "webhook pinged", webhook.name)
            found = transaction.deliveries.of_cause(webhook.id, notice.cause)
            return _known(found, webhook, notice.cause)

    def redeliver(self, name: str, delivery_id: int, caller: Caller) -> Delivery:
        """Send a delivery now, whatever has become of it; the receiver knows it by its id.

        Raises:
            Conflict: the webhook is off.
            NotFound: there is no such delivery.
        """
        with self._store.write() as transaction:
            webhook = webhook_named(transaction, name)
            delivery = delivery_of(transaction, webhook, delivery_id)
            _refuse_off(webhook)
            transaction.deliveries.send_anew(delivery)
            note(transaction, caller, "webhook redelivery", f"{webhook.name}: {delivery.message_id}")
            return delivery_of(transaction, webhook, delivery_id)

    def _sealed_secret(self, secret: str) -> SealedSecret:
        return SealedSecret(self._vault.seal(secret.encode()))


def webhook_named(transaction: Transaction, name: str) -> Webhook:
    """The webhook with this name or id.

    Raises:
        NotFound: there is none.
    """
    webhook = transaction.webhooks.named(name)
    if webhook is None:
        raise NotFound(f"there is no webhook '{name}'", "look with `bmprov webhook list`")
    return webhook


def delivery_of(transaction: Transaction, webhook: Webhook, delivery_id: int) -> Delivery:
    """A delivery of a webhook.

    Raises:
        NotFound: there is none with this id, or not any more.
    """
    return _known(transaction.deliveries.get(webhook.id, delivery_id), webhook, str(delivery_id))


def _known(delivery: Delivery | None, webhook: Webhook, called: str) -> Delivery:
    if delivery is None:
        raise NotFound(
            f"webhook '{webhook.name}' has no delivery {called}",
            f"look with `bmprov webhook deliveries {webhook.name}`; what has ended is shown for a week",
        )
    return delivery


def _change(change: WebhookChange, caller: Caller) -> tuple[dict[str, Any], list[str]]:
    """The fields of `Webhook` that change, and what the audit event says of them."""
    columns: dict[str, Any] = {}
    told = []
    if change.url is not None:
        columns["url"] = webhook_url(change.url, insecure_http=change.insecure_http)
        told.append(f"url {webhook_host(columns['url'])}")
    if change.kinds is not None:
        columns["kinds"] = _checked(change.kinds)
        told.append(f"kinds {', '.join(columns['kinds'])}")
    if change.trust is not None:
        columns["trust"] = change.trust
        told.append(f"trust {change.trust}" if change.trust else "trust")
    if change.on is not None:
        columns["off_because"] = "" if change.on else f"switched off by {caller.name}"
        told.append("on" if change.on else "off")
    return columns, told


def _checked(kinds: Sequence[NoticeKind]) -> tuple[NoticeKind, ...]:
    """Each kind once, in our own order."""
    if not kinds or not set(kinds) <= set(SUBSCRIBED):
        raise Invalid("this is nothing to subscribe a webhook to", f"there are {', '.join(SUBSCRIBED)}")
    return tuple(kind for kind in SUBSCRIBED if kind in kinds)


def _refuse_idle_trust(webhook: Webhook) -> None:
    if webhook.trust and webhook.url.startswith("http:"):
        raise Invalid(
            f"webhook '{webhook.name}' is called without TLS, so no certificate is looked at",
            "give it a URL with https://, or no certificate to trust",
        )


def _refuse_off(webhook: Webhook) -> None:
    if webhook.off_because:
        raise Conflict(
            f"webhook '{webhook.name}' is off: {webhook.off_because}",
            f"switch it on: `bmprov webhook set {webhook.name} --on`",
        )
