"""A machine that MAAS allocated for us after all: nobody has it, and it is given back."""

from bmprov.lifecycle import State
from tests.maas.bmc import Power
from tests.maas.status import NodeStatus
from tests.worker.maas.house import CLOUD, MaasHouse, payload, uuid_of


def left_over(lab: MaasHouse, agent: str) -> str:
    """The name of a machine that was allocated late, after its instance was deleted."""
    lab.succeed(lab.orders.prepare(payload(), CLOUD))
    name = lab.of().name
    lab.succeed(lab.orders.delete(payload(), CLOUD))
    machine = lab.maas.machine(name)
    lab.maas.change(lambda: lab.maas.model.deployment.acquire(machine, "admin", agent))
    return name


def test_a_machine_that_was_allocated_too_late_is_given_back(lab: MaasHouse) -> None:
    name = left_over(lab, uuid_of(1))
    lab.follow()
    lab.maas.wait(name, NodeStatus.READY)
    assert "given back to MAAS" in lab.events()
    lab.follow()
    assert lab.machine(name).state is State.AVAILABLE


def test_one_that_is_on_is_switched_off_first(lab: MaasHouse) -> None:
    name = left_over(lab, uuid_of(1))
    lab.maas.machine(name).bmc.switch(Power.ON)
    lab.follow()
    assert lab.maas.machine(name).status is NodeStatus.ALLOCATED
    lab.follow()
    lab.maas.wait(name, NodeStatus.READY)


def test_what_a_person_has_allocated_is_not_touched(lab: MaasHouse) -> None:
    name = left_over(lab, "")
    lab.follow()
    assert lab.maas.machine(name).status is NodeStatus.ALLOCATED
    assert lab.machine(name).fault.startswith("in MAAS it is Allocated, owned by admin")


def test_a_reserved_machine_is_not_taken_for_left_over(lab: MaasHouse) -> None:
    lab.succeed(lab.orders.prepare(payload(), CLOUD))
    lab.follow()
    lab.follow()
    assert lab.in_maas().agent_name == uuid_of(1)
