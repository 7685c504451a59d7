"""Webhooks of a whole service: deployments, a machine switched off behind our back, a sender that is killed."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import House, until
from tests.worker.webhooks.receiver import Receiver, receiver


@pytest.fixture
def told(healthy: House, tmp_path: Path) -> Iterator[Receiver]:
    """A receiver that is told of everything."""
    (tmp_path / "receiver").mkdir()
    with receiver(tmp_path / "receiver") as there:
        body = {"name": "alerts", "url": there.url, "trust": there.fingerprint}
        there.secret = healthy.ask("/webhooks", "POST", body)["secret"]
        yield there
        healthy.ask("/webhooks/alerts", "DELETE")
    assert there.forged == []


def test_a_deployment_is_told_once(healthy: House, told: Receiver, tmp_path: Path) -> None:
    """CloudStack's instance, its machine, who asked, how long it took."""
    cloudstack, instance = healthy.cloudstack(tmp_path), healthy.instance()
    assert cloudstack.create(instance).succeeded
    [machine] = healthy.machines("active")
    until(lambda: bool(told.of("operation.ended")), "the message")
    [ended] = [one for one in told.of("operation.ended") if one["kind"] == "deploy"]
    operation = healthy.ask(f"/operations/{ended['operation']}")
    assert (ended["machine"], ended["instance"], ended["state"]) == (machine["name"], instance.uuid, "succeeded")
    assert ended["asked_by"] == operation["asked_by"]
    assert 0 < ended["duration_s"] < 60
    assert told.of("power.out-of-band") == told.of("machine.error") == []


def test_a_machine_that_somebody_switches_off_is_told(healthy: House, told: Receiver, tmp_path: Path) -> None:
    """Whose it is, and from what to what."""
    cloudstack, instance = healthy.cloudstack(tmp_path), healthy.instance()
    assert cloudstack.create(instance).succeeded
    [machine] = healthy.machines("active")
    healthy.tune(bmc_faults={"lies": "off"})
    mine = lambda: [one for one in told.of("power.out-of-band") if one["machine"] == machine["name"]]  # noqa: E731
    until(lambda: bool(mine()), "the message")
    assert [(one["instance"], one["from"], one["to"]) for one in mine()] == [(instance.uuid, "on", "off")]


def test_a_failed_deployment_is_told_with_its_cause(healthy: House, told: Receiver, tmp_path: Path) -> None:
    """As an operation that has failed and as a machine in error, each once."""
    healthy.tune(faults={"corrupts": True})
    cloudstack, instance = healthy.cloudstack(tmp_path), healthy.instance()
    assert not cloudstack.create(instance).succeeded
    until(lambda: bool(told.of("machine.error") and told.of("operation.ended")), "the messages")
    [failed] = told.of("machine.error")
    [ended] = told.of("operation.ended")
    assert (ended["state"], ended["machine"]) == ("failed", failed["machine"])
    assert ended["error"] in failed["cause"]
    assert (failed["state"], failed["instance"]) == ("error", instance.uuid)


def test_a_watch_that_is_killed_in_mid_call(healthy: House, told: Receiver) -> None:
    """It is started again, and the message comes again under the same id."""
    reached = threading.Event()
    told.answers.append(lambda _: reached.set() or time.sleep(2))
    sent = healthy.ask("/webhooks/alerts/ping", "POST")
    assert reached.wait(20)
    assert healthy.kill("watch") == 1
    until(lambda: len(told.messages) == 2, "the second message", 60)
    assert told.ids == [sent["message_id"]] * 2
