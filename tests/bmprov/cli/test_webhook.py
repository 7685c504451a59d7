"""`bmprov webhook`, against a running service that really sends."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bmprov.cli.conftest import Said
from tests.bmprov.cli.house import until
from tests.worker.webhooks.receiver import Receiver, receiver, status

Call = Callable[..., Said]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Receiver]:
    with receiver(tmp_path) as listening:
        yield listening


@pytest.fixture
def hook(bmprov: Call, there: Receiver) -> Iterator[str]:
    said = bmprov("webhook", "add", "alerts", there.url, "--trust", there.fingerprint)
    assert said.code == 0, said.err
    assert said.err == (
        "webhook alerts is added; try it with `bmprov webhook ping alerts`; its secret is shown this once:\n"
    )
    there.secret = said.out.strip()
    yield "alerts"
    bmprov("webhook", "remove", "--yes", "alerts")


def words(said: Said) -> str:
    assert said.code == 0, said.err
    return " ".join(said.out.split())


def test_without_a_webhook_the_list_says_what_to_do(bmprov: Call) -> None:
    """The one who starts is told the next command."""
    assert bmprov("webhook", "list").out.strip() == "there is no webhook: `bmprov webhook add --help`"
    assert bmprov("webhook", "list", "--json").json == []


def test_a_ping_says_what_became_of_it(bmprov: Call, hook: str, there: Receiver) -> None:
    """It waits; what did not arrive is an error."""
    assert bmprov("webhook", "ping", hook).out == f"alerts answered 204 to message {there.ids[0]}\n"
    there.answer = status(401)
    said = bmprov("webhook", "ping", hook)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("bmprov: webhook 'alerts' does not work: it answered 401 Unauthorized: its URL,")
    assert bmprov("webhook", "ping", hook, "--json").json["status"] == 401
    assert [one["webhook"] for one in there.of("ping")] == ["alerts"] * 3


def test_the_end_of_an_operation_is_told(bmprov: Call, hook: str, there: Receiver, fake: str) -> None:
    """Once, when it has ended; it can be sent again under its id."""
    until(lambda: any(one["machine"] == fake for one in there.of("operation.ended")))
    assert bmprov("machine", "power", fake, "on").code == 0
    until(lambda: any(one["kind"] == "power" for one in there.of("operation.ended")))
    [told] = [one for one in there.of("operation.ended") if one["kind"] == "power"]
    assert (told["machine"], told["action"], told["state"], told["error"]) == (fake, "on", "succeeded", None)
    newest = bmprov("webhook", "deliveries", hook, "--json").json[0]
    assert f"{newest['id']}" in words(bmprov("webhook", "deliveries", hook, "--state", "delivered"))
    table = bmprov("webhook", "deliveries", hook).out.splitlines()
    assert table[0].split()[:4] == ["ID", "SINCE", "KIND", "MACHINE"]
    assert f"operation.ended {fake} delivered 1 204" in " ".join(table[1].split())
    count = len(there.messages)
    assert bmprov("webhook", "redeliver", hook, newest["id"]).out.startswith("alerts: operation.ended msg_")
    until(lambda: len(there.messages) > count)
    assert there.ids[-1] == newest["message_id"]


def test_a_webhook_is_shown_changed_and_switched_off(bmprov: Call, hook: str, there: Receiver) -> None:
    """People get a table and a record; nobody gets the secret."""
    assert f"alerts {there.url} operation.ended, power.out-of-band, machine.error" in words(bmprov("webhook", "list"))
    assert bmprov("webhook", "set", hook, "--kind", "machine.error", "--off").out == "alerts: kinds, on changed\n"
    shown = words(bmprov("webhook", "show", hook))
    assert "told of machine.error" in shown
    assert "off because switched off by" in shown
    assert "whsec" not in bmprov("webhook", "show", hook, "--json").out
    assert "is off: switched off by" in bmprov("webhook", "ping", hook).err
    assert bmprov("webhook", "set", hook, "--on").code == bmprov("webhook", "ping", hook).code == 0
    assert bmprov("webhook", "set", hook).code == 2


def test_a_secret_is_rotated(bmprov: Call, hook: str, there: Receiver) -> None:
    """The old one signs for a day more, or no more."""
    old = there.secret
    said = bmprov("webhook", "rotate", hook)
    assert "the old one signs for 24 h more" in said.err
    for there.secret in (old, said.out.strip()):
        assert bmprov("webhook", "ping", hook).code == 0
    assert ([one.signatures for one in there.messages], there.forged) == ([2, 2], [])
    there.secret = bmprov("webhook", "rotate", hook, "--at-once", "--json").json["secret"]
    assert bmprov("webhook", "ping", hook).code == 0
    assert there.messages[-1].signatures == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://alerts.example/", "begins with https://"),
        ("https://169.254.169.254/", "is a link-local address"),
        ("alerts", "this is not the URL of a webhook"),
    ],
)
def test_a_wrong_url_is_one_sentence(bmprov: Call, url: str, why: str) -> None:
    """It says what to check."""
    said = bmprov("webhook", "add", "alerts", url)
    assert (said.code, said.out) == (1, "")
    assert why in said.err
    assert said.err.count("\n") == 1
