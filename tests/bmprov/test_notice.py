"""What is told of each kind: docs/webhooks.md shows what is really sent, and how to verify it."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmprov.lifecycle import Kind, State
from bmprov.model import Bmc, Machine, Operation, OperationState, PowerReading
from bmprov.notice import machine_failed, operation_ended, ping, power_changed
from bmprov.power import Power
from bmprov.webhook import SUBSCRIBED, Notice, NoticeKind, Webhook, new_secret, signed_headers

DOCUMENT = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)]
SNIPPETS = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)

AT = 1_795_330_032.25
INSTANCE = "9d2b1c2e-52cb-4f2e-8a5b-0c8f8ea7b001"
WHY, CHECK = "rack1-07 did not boot the ramdisk in 15 minutes", "look at its console"
MACHINE = Machine(
    "m",
    "rack1-07",
    Bmc("ipmi://b", "root", b""),
    (),
    zone="z1",
    rack="r1",
    rack_position=17,
    state=State.DEPLOYING,
    maintenance=f"quarantined: {WHY}",
    reading=PowerReading(Power.ON, AT - 30),
    instance_id=INSTANCE,
)
OPERATION = Operation(
    "2f1c8c04-7a3e-4a55-9c0e-6a1f1f6d1a01",
    Kind.DEPLOY,
    "m",
    "rack1-07",
    "default",
    "cloud-1",
    asked_by="acme/anna",
    instance_id=INSTANCE,
    state=OperationState.FAILED,
    step="wait for the ramdisk",
    error=WHY,
    check=CHECK,
    created_at=AT - 922.25,
    finished_at=AT,
)
SENT: dict[NoticeKind, Notice] = {
    NoticeKind.OPERATION_ENDED: operation_ended(OPERATION),
    NoticeKind.POWER: power_changed(MACHINE, PowerReading(Power.OFF, AT), AT + 1),
    NoticeKind.MACHINE_ERROR: machine_failed(MACHINE, State.ERROR, 3, f"{WHY}: {CHECK}", AT),
    NoticeKind.PING: ping(Webhook("w", "alerts", "https://a.example", (), SUBSCRIBED), AT),
}


@pytest.mark.parametrize("kind", NoticeKind)
def test_the_example_of_each_kind_is_what_is_sent(kind: NoticeKind) -> None:
    """Field by field, in this order."""
    [example] = [one for one in EXAMPLES if one["type"] == kind]
    sent = json.loads(SENT[kind].body)
    assert sent == example
    assert list(sent["data"]) == list(example["data"])


def _received(snippet: str, secret: str) -> Callable[[bytes, dict[str, str]], Any]:
    names: dict[str, Any] = {"SECRET": secret}
    exec(snippet, names)  # noqa: S102 - the document's own code, to be tried
    received: Callable[[bytes, dict[str, str]], Any] = names["received"]
    return received


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["with the library", "without it"])
def test_the_code_that_verifies_believes_what_is_genuine_alone(snippet: str) -> None:
    """Both secrets of a rotation; not another body, another id, another secret, or an old message."""
    body, secret, now = SENT[NoticeKind.POWER].body, new_secret(), time.time()
    received = _received(snippet, secret)
    good = signed_headers("msg_1", body, now, [new_secret(), secret])
    assert received(body.encode(), good) == json.loads(body)
    forged = [
        (body + " ", good),
        (body, good | {"webhook-id": "msg_2"}),
        (body, signed_headers("msg_1", body, now, [new_secret()])),
        (body, signed_headers("msg_1", body, now - 301, [secret])),
        (body, good | {"webhook-signature": "v1,AAAA v2,x"}),
    ]
    for text, headers in forged:
        with pytest.raises(Exception, match=r"(?i)too old|not from|no matching"):
            received(text.encode(), headers)


@pytest.mark.parametrize("reading", [PowerReading(Power.OFF, AT), PowerReading(Power.OFF, AT + 0.1)])
def test_two_watches_that_see_one_change_tell_it_once(reading: PowerReading) -> None:
    """The cause is the reading before it; the next change is another."""
    cause = power_changed(MACHINE, PowerReading(Power.OFF, AT), AT).cause
    assert power_changed(MACHINE, reading, AT).cause == cause
    later = Machine(**{**vars(MACHINE), "reading": reading})
    assert power_changed(later, PowerReading(Power.ON, AT + 30), AT).cause != cause
