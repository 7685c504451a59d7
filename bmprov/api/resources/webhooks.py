"""Routes of webhooks."""

from http import HTTPMethod
from typing import Annotated

from pydantic import Field

from bmprov.api.routing import API, route
from bmprov.api.shapes.base import Key
from bmprov.api.shapes.page import PageQuery, cut, page_of
from bmprov.api.shapes.webhook import (
    DELIVERIES,
    DeliveryFilter,
    DeliveryList,
    DeliveryOut,
    Rotation,
    WebhookIn,
    WebhookList,
    WebhookMade,
    WebhookOut,
    WebhookPatch,
)
from bmprov.orders import Caller
from bmprov.orders.webhooks import delivery_of, webhook_named
from bmprov.roles import ADMINS
from bmprov.services import Services
from bmprov.webhook import Webhook

_ALL = f"{API}/webhooks"
_ONE = f"{_ALL}/{{name}}"
_SENT = f"{_ONE}/deliveries"

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Webhooks:
    """Whom bmprov tells of what happens, by name or id. Their URLs may be secrets: administrators only."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.POST, _ALL, roles=ADMINS, answers={201: WebhookMade})
    def add(self, body: WebhookIn, caller: Caller) -> WebhookMade:
        """Add a webhook; its secret is shown in this answer and never again."""
        return self._made(*self._services.orders.add_webhook(body.to_order(), caller))

    @route(HTTPMethod.GET, _ALL, roles=ADMINS, answers={200: WebhookList})
    def all(self, query: PageQuery) -> WebhookList:
        """List the webhooks by name."""
        with self._services.store.read() as transaction:
            every, tallies = transaction.webhooks.all(), transaction.deliveries.tallies()
        webhooks, after = page_of(every, query, "webhooks", (str,), lambda webhook: (webhook.name,))
        return WebhookList(webhooks=[WebhookOut.of(one, tallies[one.id]) for one in webhooks], next=after)

    @route(HTTPMethod.GET, _ONE, roles=ADMINS, answers={200: WebhookOut})
    def one(self, name: Key) -> WebhookOut:
        """Show a webhook: what it is told of, whether it is on, what has not arrived."""
        with self._services.store.read() as transaction:
            webhook = webhook_named(transaction, name)
            return WebhookOut.of(webhook, transaction.deliveries.tallies()[webhook.id])

    @route(HTTPMethod.PUT, _ONE, roles=ADMINS, answers={200: WebhookOut})
    def change(self, name: Key, body: WebhookPatch, caller: Caller) -> WebhookOut:
        """Change a webhook, or switch it on or off; what is left out stays as it is."""
        return self.one(self._services.orders.change_webhook(name, body.to_order(), caller).id)

    @route(HTTPMethod.DELETE, _ONE, roles=ADMINS, answers={204: None})
    def remove(self, name: Key, caller: Caller) -> None:
        """Forget a webhook and its deliveries, those that have not arrived too."""
        self._services.orders.remove_webhook(name, caller)

    @route(HTTPMethod.POST, f"{_ONE}/rotate", roles=ADMINS, answers={200: WebhookMade})
    def rotate(self, name: Key, body: Rotation, caller: Caller) -> WebhookMade:
        """Give a webhook a new secret, which is shown in this answer and never again."""
        return self._made(*self._services.orders.rotate_webhook(name, caller, at_once=body.at_once))

    @route(HTTPMethod.POST, f"{_ONE}/ping", roles=ADMINS, answers={202: DeliveryOut})
    def ping(self, name: Key, caller: Caller) -> DeliveryOut:
        """Send a test, once; the delivery is to be polled."""
        return DeliveryOut.of(self._services.orders.ping_webhook(name, caller))

    @route(HTTPMethod.GET, _SENT, roles=ADMINS, answers={200: DeliveryList})
    def deliveries(self, name: Key, query: DeliveryFilter) -> DeliveryList:
        """List what a webhook was and is to be told, newest first; what has ended, for a week."""
        with self._services.store.read() as transaction:
            webhook = webhook_named(transaction, name)
            found = transaction.deliveries.newest(webhook.id, query.limit + 1, query.state, query.before)
        deliveries, after = cut(found, query.limit, DELIVERIES, lambda delivery: (delivery.id,))
        return DeliveryList(deliveries=[DeliveryOut.of(one) for one in deliveries], next=after)

    @route(HTTPMethod.GET, f"{_SENT}/{{delivery}}", roles=ADMINS, answers={200: DeliveryOut})
    def delivery(self, name: Key, delivery: Number) -> DeliveryOut:
        """Show what has become of a delivery."""
        with self._services.store.read() as transaction:
            return DeliveryOut.of(delivery_of(transaction, webhook_named(transaction, name), delivery))

    @route(HTTPMethod.POST, f"{_SENT}/{{delivery}}/redeliver", roles=ADMINS, answers={202: DeliveryOut})
    def redeliver(self, name: Key, delivery: Number, caller: Caller) -> DeliveryOut:
        """Send a delivery now, with the same message id, and try it for a day if need be."""
        return DeliveryOut.of(self._services.orders.redeliver(name, delivery, caller))

    def _made(self, webhook: Webhook, secret: str) -> WebhookMade:
        return WebhookMade(webhook=self.one(webhook.id), secret=secret)
