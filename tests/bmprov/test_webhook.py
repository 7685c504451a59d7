"""Messages and their signatures, and the address of a receiver."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Judge

from bmprov.errors import Invalid
from bmprov.lifecycle import State
from bmprov.model import Bmc, Machine
from bmprov.notice import machine_failed, ping
from bmprov.webhook import (
    Delivery,
    DeliveryState,
    Notice,
    NoticeKind,
    SealedSecret,
    Webhook,
    new_secret,
    signed_headers,
)
from bmprov.webhook_url import webhook_host, webhook_url

DELIVERY = Delivery(1, "0d1f", "c", NoticeKind.PING, "{}", created_at=1.0)
HOOK = Webhook("0d1f", "alerts", "https://alerts.example/", (SealedSecret(b"new"), SealedSecret(b"old", 100.0)), ())


@given(body=st.text(max_size=200), secrets=st.integers(1, 3))
def test_a_signature_is_one_of_standard_webhooks(body: str, secrets: int) -> None:
    """Each of several secrets verifies it, in the judgement of `standardwebhooks`."""
    keys = [new_secret() for _ in range(secrets)]
    sent = signed_headers("msg_1", body, datetime.now(UTC).timestamp(), keys)
    assert sent["webhook-timestamp"].isdigit()
    for key in keys:
        Judge(key).verify(body, sent, json_parse=False)


def test_a_secret_is_one_of_standard_webhooks() -> None:
    """Its prefix, and between 24 and 64 bytes in base64."""
    assert new_secret().startswith("whsec_")
    assert 24 <= len(base64.b64decode(new_secret().removeprefix("whsec_"), validate=True)) <= 64
    assert new_secret() != new_secret()


def test_a_message_keeps_its_id() -> None:
    """Through all attempts; another webhook's or another cause's is another, and none has a full stop."""
    tried = replace(DELIVERY, id=7, attempts=9, created_at=2.0, status=500)
    assert tried.message_id == DELIVERY.message_id
    others = {replace(DELIVERY, **{name: "x"}).message_id for name in ("webhook_id", "cause")}
    assert len(others | {DELIVERY.message_id}) == 3
    assert DELIVERY.message_id.startswith("msg_")
    assert "." not in DELIVERY.message_id


@pytest.mark.parametrize(("status", "state"), [(204, "delivered"), (302, "failed"), (500, "failed"), (None, "failed")])
def test_a_delivery_has_arrived_by_2xx_alone(status: int | None, state: str) -> None:
    """Until it has ended it is pending, whatever its last attempt met."""
    assert replace(DELIVERY, status=status).state is DeliveryState.PENDING
    assert replace(DELIVERY, status=status, ended_at=2.0).state == state


def test_secrets_sign_until_their_time() -> None:
    """The one that holds signs for ever."""
    assert [len(HOOK.signing(now)) for now in (99.9, 100.0, 1e12)] == [2, 1, 1]
    assert "old" not in repr(HOOK)


def test_a_body_is_small_and_says_what_was_cut() -> None:
    """Standard Webhooks asks for less than 20 kB, whatever a BMC or a ramdisk says."""
    notice = Notice(NoticeKind.MACHINE_ERROR, "c", 1_790_000_000.25, {"cause": "ä" * 100_000, "number": 7})
    told = json.loads(notice.body)
    assert len(notice.body) < 20_000
    assert told["data"]["cause"] == "ä" * 1999 + "…"
    assert (told["type"], told["timestamp"]) == ("machine.error", "2026-09-21T14:13:20.250Z")


def test_no_secret_of_a_machine_is_told() -> None:
    """Its BMC's address and login are nobody's business."""
    machine = Machine("m", "rack1-01", Bmc("ipmi://10.0.0.9", "root", b"geheim"), (), notes="people's")
    body = machine_failed(machine, State.ERROR, 1, "no disk", 1.0).body
    assert not [word for word in ("10.0.0.9", "root", "geheim", "people's") if word in body]


def test_each_ping_is_another_message() -> None:
    """Else the second would be taken for the first, sent again."""
    assert ping(HOOK, 1.0).cause != ping(HOOK, 1.0).cause


@pytest.mark.parametrize(
    "url",
    ["https://a.example", "https://a.example:8443/x?y=z%20", "https://10.0.0.1/", "https://[fd00::1]:1/", "HTTPS://A/"],
)
def test_an_address_is_taken_as_it_is(url: str) -> None:
    """Every letter of it may matter to its receiver."""
    assert webhook_url(f" {url}\n") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "ftp://a.example/",
        "https:///x",
        "https://a.example:99999/",
        "https://a.example/#x",
        "https://a.example/a b",
        "https://a.example/\nX: y",
        "https://ä.example/",
        "https://[::1/",
        "https://a.example/" + "x" * 2000,
        "https://root:geheim@a.example/",
        "http://a.example/geheim",
        "https://169.254.169.254/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
    ],
)
def test_what_is_no_receivers_address_is_refused(url: str) -> None:
    """In words, which do not repeat it."""
    with pytest.raises(Invalid) as refused:
        webhook_url(url)
    assert refused.value.check
    assert "geheim" not in str(refused.value)


def test_plain_http_must_be_said() -> None:
    """In a laboratory."""
    assert webhook_url("http://a.example/", insecure_http=True) == "http://a.example/"


def test_where_it_leads_is_told_without_its_secrets() -> None:
    """An audit event is read by viewers; many a URL lets whoever knows it post."""
    assert webhook_host("https://chat.example:8443/T0/geheim?key=geheim") == "https://chat.example:8443"
