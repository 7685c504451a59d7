"""Custom actions on a MAAS machine, and what `bmprov machine check` says of one."""

from typing import Any

import pytest

from bmprov.actions import ACTIONS
from bmprov.lifecycle import State
from bmprov.model import Operation, OperationState
from bmprov.orders import Answer
from tests.maas.status import NodeStatus
from tests.worker.maas.house import ADMIN, CLOUD, MaasHouse, payload

OPERATOR = {"caller": {"name": "root", "roletype": "Admin"}}


def asked(lab: MaasHouse, action: str, **parameters: object) -> Operation | Answer:
    return lab.orders.custom(payload() | OPERATOR | {"action": action, "parameters": parameters}, CLOUD)


def test_rescue_mode_begins_and_ends(lab: MaasHouse) -> None:
    lab.deploy()
    lab.succeed(asked(lab, "rescuemode"))
    assert lab.in_maas().status is NodeStatus.RESCUE_MODE
    lab.follow()
    assert lab.of().state is State.ACTIVE
    lab.succeed(asked(lab, "exitrescuemode"))
    assert lab.in_maas().status is NodeStatus.DEPLOYED


def test_a_locked_machine_is_not_released_until_it_is_unlocked(lab: MaasHouse) -> None:
    name = lab.deploy().name
    lab.succeed(asked(lab, "lock"))
    done = lab.fail(lab.orders.delete(payload(), CLOUD))
    assert "lock" in done.error.lower()
    assert lab.maas.machine(name).status is NodeStatus.DEPLOYED
    assert lab.of().state is State.ERROR
    lab.succeed(asked(lab, "unlock"))
    lab.succeed(lab.orders.delete(payload(), CLOUD))


def test_a_machine_marked_broken_is_lost_to_its_instance_and_comes_back_when_marked_fixed(lab: MaasHouse) -> None:
    name = lab.deploy().name
    lab.succeed(asked(lab, "markbroken"))
    lab.follow()
    assert lab.of().state is State.ERROR
    assert lab.power() in ("poweroff", "unknown")
    lab.succeed(lab.orders.delete(payload(), CLOUD))
    lab.succeed(lab.orders.mark_fixed(name, ADMIN))
    lab.maas.wait(name, NodeStatus.READY)
    lab.follow()
    assert lab.machine(name).state is State.AVAILABLE


@pytest.mark.parametrize(
    "action", ["hardware", "firmware", "eventlog", "poweroff", "poweron", "powercycle", "powerreset"]
)
def test_what_a_direct_machine_can_a_maas_machine_can_under_the_same_name(lab: MaasHouse, action: str) -> None:
    lab.deploy()
    lab.in_maas().hardware = (("mainboard_firmware_version", "2.19"), ("system_vendor", "Dell Inc."))
    done = lab.succeed(asked(lab, action))
    assert bool(done.answer) is (ACTIONS[action].power is None)
    assert lab.power() == ("poweroff" if action == "poweroff" else "poweron")


@pytest.mark.parametrize("action", ["nmi", "identify", "sensors", "cleareventlog", "bmcreset"])
def test_what_maas_has_no_call_for_says_so(lab: MaasHouse, action: str) -> None:
    lab.deploy()
    done = lab.fail(asked(lab, action))
    assert done.error.startswith("MAAS cannot ")


def findings(lab: MaasHouse, name: str) -> dict[str, tuple[str, str]]:
    done: Any = lab.run(lab.orders.check(name, ADMIN))
    assert done.state is OperationState.SUCCEEDED, done.error
    return {one["check"]: (one["verdict"], one["finding"]) for one in done.answer}


def test_the_check_looks_at_the_region_the_key_and_the_machine(lab: MaasHouse) -> None:
    good = findings(lab, "node0001")
    assert {verdict for verdict, _ in good.values()} == {"good"}
    assert "takes the key of admin" in good["MAAS"][1]
    lab.maas.grab("node0002", "alice")
    assert findings(lab, "node0002")["machine"] == ("bad", "it is Allocated, owned by alice")


def test_the_check_says_that_the_key_is_revoked(lab: MaasHouse) -> None:
    lab.maas.revoke(lab.maas.key)
    verdict, words = findings(lab, "node0001")["MAAS"]
    assert verdict == "bad"
    assert "key" in words
