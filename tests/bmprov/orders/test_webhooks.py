"""The orders about webhooks."""

from dataclasses import replace

import pytest

from bmprov.errors import Conflict, Invalid, NotFound
from bmprov.orders import NewWebhook, WebhookChange
from bmprov.webhook import Delivery, DeliveryState, NoticeKind, Webhook
from tests.bmprov.orders.conftest import ADMIN, Office

NEW = NewWebhook("alerts", "https://alerts.example/T0/geheim", trust="/etc/ca.pem")


@pytest.fixture
def hook(office: Office) -> Webhook:
    return office.orders.add_webhook(NEW, ADMIN)[0]


def sent(office: Office, hook: Webhook) -> list[Delivery]:
    with office.store.read() as transaction:
        return transaction.deliveries.newest(hook.id)


def test_a_webhook_is_added_with_a_secret_that_is_told_once(office: Office) -> None:
    """Sealed in the store; the event names the host and nothing that could be a secret."""
    hook, secret = office.orders.add_webhook(NEW, ADMIN)
    assert [office.vault.open(one.sealed).decode() for one in hook.secrets] == [secret]
    assert (hook.created_by, hook.created_at, len(hook.kinds)) == ("admin", 1000.0, 3)
    told = "alerts at https://alerts.example: operation.ended, power.out-of-band, machine.error"
    assert office.events() == [("webhook added", told)]
    with pytest.raises(Conflict, match="already"):
        office.orders.add_webhook(NEW, ADMIN)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(NEW, url="http://alerts.example/"),
        replace(NEW, kinds=()),
        replace(NEW, kinds=(NoticeKind.PING,)),
        replace(NEW, url="http://alerts.example/", insecure_http=True),
    ],
)
def test_nonsense_is_refused_before_anything_is_kept(office: Office, wrong: NewWebhook) -> None:
    """The last has a certificate that nobody would look at."""
    with pytest.raises(Invalid):
        office.orders.add_webhook(wrong, ADMIN)
    assert office.events() == []


def test_a_change_is_told_and_tried_at_once(office: Office, hook: Webhook) -> None:
    """What is not named stays."""
    office.orders.ping_webhook("alerts", ADMIN)
    office.now += 10
    with office.store.write() as transaction:
        call = transaction.deliveries.take(hook.id, 30)
        assert call is not None
        transaction.deliveries.put_off(call, office.now + 500, None, "no answer", hold_until=None)
    change = WebhookChange(url="https://new.example/geheim", kinds=(NoticeKind.POWER,))
    changed = office.orders.change_webhook("alerts", change, ADMIN)
    assert (changed.url, changed.kinds) == ("https://new.example/geheim", (NoticeKind.POWER,))
    assert changed.secrets == hook.secrets
    assert office.events()[-1] == ("webhook changed", "alerts: url https://new.example, kinds power.out-of-band")
    assert sent(office, hook)[0].due_at == office.now
    assert office.orders.change_webhook("alerts", WebhookChange(), ADMIN) == changed
    with pytest.raises(Invalid, match="without TLS"):
        office.orders.change_webhook("alerts", WebhookChange(url="http://a.example/", insecure_http=True), ADMIN)


def test_a_webhook_that_is_off_gets_nothing(office: Office, hook: Webhook) -> None:
    """What was pending is given up; a ping and a redelivery say why they are refused."""
    ping = office.orders.ping_webhook("alerts", ADMIN)
    off = office.orders.change_webhook("alerts", WebhookChange(on=False), ADMIN)
    assert off.off_because == "switched off by admin"
    assert [(one.state, one.error) for one in sent(office, hook)] == [(DeliveryState.FAILED, "switched off by admin")]
    for order in (
        lambda: office.orders.ping_webhook("alerts", ADMIN),
        lambda: office.orders.redeliver("alerts", ping.id, ADMIN),
    ):
        with pytest.raises(Conflict, match="is off: switched off by admin") as refused:
            order()
        assert "bmprov webhook set alerts --on" in refused.value.check
    assert office.orders.change_webhook("alerts", WebhookChange(on=True), ADMIN).off_because == ""
    assert office.events()[-1] == ("webhook changed", "alerts: on")


def test_a_second_rotation_ends_the_oldest_secret(office: Office, hook: Webhook) -> None:
    """Two sign at most; the newest stands first."""
    second = office.orders.rotate_webhook("alerts", ADMIN)[0]
    assert second.secrets[1] == replace(hook.secrets[0], until=office.now + 86_400)
    third, secret = office.orders.rotate_webhook("alerts", ADMIN)
    assert [one.sealed for one in third.secrets[1:]] == [second.secrets[0].sealed]
    assert office.vault.open(third.secrets[0].sealed).decode() == secret
    assert len(office.orders.rotate_webhook("alerts", ADMIN, at_once=True)[0].secrets) == 1
    details = [detail for what, detail in office.events() if what == "webhook secret rotated"]
    assert details == ["alerts: the old one signs for a day more"] * 2 + ["alerts: the old one signs no more"]


def test_what_is_not_there_is_said(office: Office, hook: Webhook) -> None:
    """A delivery belongs to its webhook."""
    other, _ = office.orders.add_webhook(replace(NEW, name="other"), ADMIN)
    delivery = office.orders.ping_webhook(other.id, ADMIN)
    with pytest.raises(NotFound, match=f"webhook 'alerts' has no delivery {delivery.id}"):
        office.orders.redeliver(hook.name, delivery.id, ADMIN)
    with pytest.raises(NotFound, match="there is no webhook 'none'"):
        office.orders.ping_webhook("none", ADMIN)
    office.orders.remove_webhook("other", ADMIN)
    with pytest.raises(NotFound, match="there is no webhook 'other'"):
        office.orders.remove_webhook("other", ADMIN)
    assert office.events()[-1] == ("webhook removed", "other at https://alerts.example")
