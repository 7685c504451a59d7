"""What somebody does in MAAS's own page while we work: it is said, and his machine is left alone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bmprov.lifecycle import State
from bmprov.model import OperationState
from tests.maas.bmc import Power
from tests.maas.power import Timings
from tests.maas.running import RunningRegion, region
from tests.maas.status import NodeStatus
from tests.worker.maas import life
from tests.worker.maas.house import CLOUD, MaasHouse, house

_STEPS = 17
NAME = "node0001"
OPERATOR = {"caller": {"name": "root", "roletype": "Admin"}}


@pytest.fixture
def maas() -> Iterator[RunningRegion]:
    with region(machines=1, timings=Timings(deploy_s=0.01, release_s=0.005)) as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, valkey: str, maas: RunningRegion) -> Iterator[MaasHouse]:
    with house(tmp_path, valkey, maas) as built:
        life.add_tenant_network(built)
        built.runner = built.worker("w1", **life.LIMITS)
        yield built


class Alice:
    """Takes the machine and uses it: she has switched it on, and nobody but her gives orders to it."""

    def __init__(self, lab: MaasHouse) -> None:
        self.lab, self.machine, self.orders = lab, lab.maas.machine(NAME), -1

    def takes(self) -> None:
        self.lab.maas.grab(NAME, "alice")
        self.lab.maas.change(lambda: self.machine.bmc.switch(Power.ON))
        self.machine.power = Power.ON
        self.orders, self.asked, self.nics = self.machine.bmc.orders, self.asks(), self.machine.nics

    def asks(self) -> int:
        """How many things were asked of MAAS about the machine."""
        return sum(event.user == "admin" for event in self.lab.maas.model.log.events)

    def is_undisturbed(self) -> None:
        if self.orders >= 0:
            assert (self.machine.owner, self.machine.status) == ("alice", NodeStatus.ALLOCATED)
            assert (self.machine.bmc.power, self.machine.bmc.orders) == (Power.ON, self.orders)
            assert self.machine.nics == self.nics
            assert self.asks() == self.asked

    def gives_back(self) -> None:
        if self.orders >= 0:
            self.lab.maas.release(NAME, "alice")
            self.lab.maas.wait(NAME, NodeStatus.READY)
            self.orders = -1


def tidy(lab: MaasHouse) -> None:
    """The interfaces as they are at home, whoever left them."""
    there = lab.maas.machine(NAME)
    model = lab.maas.model

    def put_back() -> None:
        for index, nic in enumerate(there.nics):
            link = model.link("auto" if index == 0 else "link_up", subnet=model.provisioning)
            there.put(type(nic)(nic.id, nic.name, nic.mac, model.provisioning.vlan, (link,)))

    lab.maas.change(put_back)
    lab.follow()


def test_somebody_takes_the_machine(lab: MaasHouse) -> None:
    """Before any step: what is under way fails with words, stop and delete succeed, and it stays as he has it."""
    for number in range(1, _STEPS):
        alice = Alice(lab)
        failed = life.live(lab, life.before_step(lab, number, alice.takes), followed=True)
        if failed is not None:
            assert failed.state is OperationState.FAILED
            life.says_what_to_do(failed)
        alice.is_undisturbed()
        lab.follow()
        stopped = lab.orders.stop(life.ASKED, CLOUD)
        if not isinstance(stopped, dict):
            lab.succeed(stopped)
        life.delete(lab)
        alice.is_undisturbed()
        lab.follow()
        assert lab.machine(NAME).state is State.ENROLLED
        assert "owned by alice" in lab.machine(NAME).fault
        alice.gives_back()
        tidy(lab)
        life.nothing_is_left(lab)


@pytest.mark.parametrize("whose", ["somebody", "admin"])
def test_somebody_releases_the_machine(lab: MaasHouse, whose: str) -> None:
    """Before any step, though he be the very user whose key we have."""
    for number in range(1, _STEPS):
        failed = life.live(lab, life.before_step(lab, number, lambda: lab.maas.release(NAME, whose)), followed=True)
        if failed is not None:
            assert failed.state is OperationState.FAILED
            life.says_what_to_do(failed)
        life.delete(lab)
        tidy(lab)
        life.nothing_is_left(lab)


def test_somebody_takes_the_machine_with_our_own_user(lab: MaasHouse) -> None:
    """Whoever has no agent name of ours is not us."""
    for number in range(1, _STEPS):
        alice = Alice(lab)

        def takes(alice: Alice = alice) -> None:
            alice.takes()
            lab.maas.grab(NAME, "admin")
            alice.asked = alice.asks()

        failed = life.live(lab, life.before_step(lab, number, takes), followed=True)
        assert failed is None or failed.state is OperationState.FAILED
        life.delete(lab)
        if alice.orders >= 0:
            assert alice.machine.status is NodeStatus.ALLOCATED
            assert (alice.machine.bmc.orders, alice.asks()) == (alice.orders, alice.asked)
        alice.gives_back()
        tidy(lab)
        life.nothing_is_left(lab)


@pytest.mark.parametrize("number", range(1, _STEPS))
def test_somebody_deletes_the_machine(lab: MaasHouse, number: int) -> None:
    """Before any step: it says so, stop and delete succeed, and the row goes."""
    deleted: list[str] = []

    def deletes() -> None:
        lab.maas.delete(NAME)
        deleted.append(NAME)

    failed = life.live(lab, life.before_step(lab, number, deletes), followed=True)
    if failed is not None:
        life.says_what_to_do(failed)
    lab.follow()
    stopped = lab.orders.stop(life.ASKED, CLOUD)
    if not isinstance(stopped, dict):
        lab.succeed(stopped)
    life.delete(lab)
    lab.follow()
    assert lab.machines == [] or not deleted


@pytest.mark.parametrize("act", ["rescuemode", "lock", "markbroken", "power"])
def test_what_is_asked_of_a_machine_that_was_taken_is_refused(lab: MaasHouse, act: str) -> None:
    """Custom actions and power too."""
    lab.succeed(lab.orders.create(life.ASKED, CLOUD))
    alice = Alice(lab)
    alice.takes()
    ask: Callable[[], object] = lambda: lab.orders.reboot(life.ASKED, CLOUD)  # noqa: E731 - one of two
    if act != "power":
        ask = lambda: lab.orders.custom(life.ASKED | OPERATOR | {"action": act, "parameters": {}}, CLOUD)  # noqa: E731
    done = lab.fail(ask())  # type: ignore[arg-type]
    assert "is not this instance's any more" in done.error
    alice.is_undisturbed()
    lab.follow()
    assert lab.of().state is State.ERROR
    assert lab.power() == "unknown"
    life.delete(lab)
