"""A worker that dies when MAAS has done what it asked, before that is written down; and who gives up in the middle."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bmprov.errors import Conflict
from bmprov.lifecycle import State
from bmprov.model import Operation, OperationState
from bmprov.orders import RegionChange
from bmprov.store.reservations import expire
from tests.maas.machine import Failure
from tests.maas.power import Timings
from tests.maas.running import RunningRegion, region
from tests.maas.status import NodeStatus
from tests.worker.maas import life
from tests.worker.maas.house import ADMIN, CLOUD, REGION, MaasHouse, house
from worker.runner import Runner, _Settlement

_STEPS = 16


class Killed(BaseException):
    """kill -9, as far as one process can show it to itself."""


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


class Mortal:
    """Lets the worker die at the end of the step of a number, and another one go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lab: MaasHouse) -> None:
        self.steps, self.dies_in = 0, 0
        settle = _Settlement.settle

        def dying(settlement: _Settlement, *more: object) -> object:
            self.steps += 1
            if self.steps == self.dies_in:
                raise Killed
            return settle(settlement, *more)  # type: ignore[arg-type] # as it was called

        monkeypatch.setattr(_Settlement, "settle", dying)
        advance = Runner.advance

        def restarted(runner: Runner, operation_id: str) -> None:
            try:
                advance(runner, operation_id)
            except Killed:
                with runner.store.write() as transaction:
                    transaction.operations.release_leases(runner.owner)
                advance(lab.worker("w2", **life.LIMITS), operation_id)

        monkeypatch.setattr(Runner, "advance", restarted)


def test_every_step_of_a_life_may_run_twice(lab: MaasHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever step the worker died in: the life goes on to the same end."""
    mortal = Mortal(monkeypatch, lab)
    assert life.live(lab) is None
    for number in range(1, mortal.steps + 1):
        mortal.steps, mortal.dies_in = 0, number
        failed = life.live(lab)
        assert failed is None, (number, failed.error)
        life.nothing_is_left(lab)


@pytest.mark.parametrize("fault", ["fails", "for ever", "aborted"])
def test_a_failure_that_is_found_twice_is_told_once(
    lab: MaasHouse, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """A deployment that fails says why, and its machine is Broken, though the worker died when it had marked it."""
    there = lab.maas.machines[0]
    words = "MAAS did not deploy it within 130 s" if fault != "fails" else "no space left on sda"
    if fault == "fails":
        there.failure = Failure(output="curtin: no space left on sda\n")
    there.deploys_for_ever = fault != "fails"
    mortal = Mortal(monkeypatch, lab)
    if fault == "aborted":
        lab.maas.faults.drops_amid, lab.maas.faults.only = 1, frozenset({"Machine.abort"})
    lab.fail(lab.orders.create(life.ASKED, CLOUD))
    lab.succeed(lab.orders.delete(life.ASKED, CLOUD))
    life.nothing_is_left(lab)
    last, mortal.steps = mortal.steps, 0
    for number in range(1, last):
        mortal.steps, mortal.dies_in = 0, number
        done = lab.fail(lab.orders.create(life.ASKED, CLOUD))
        assert words in done.error, (number, done.error)
        machine = lab.of()
        assert (machine.state, words in machine.maintenance) == (State.ERROR, True)
        assert there.status is NodeStatus.BROKEN
        lab.succeed(lab.orders.stop(life.ASKED, CLOUD))
        life.delete(lab)
        assert there.status is NodeStatus.BROKEN
        life.nothing_is_left(lab)


def test_a_deployment_that_failed_can_be_tried_again(lab: MaasHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the same machine, once somebody has looked: it is released, waited for and allocated anew, whoever dies."""
    there = lab.maas.machines[0]
    lab.maas.timings.release_s = 0.05
    mortal = Mortal(monkeypatch, lab)
    for number in range(1, 9):
        mortal.dies_in, there.failure = 0, Failure()
        lab.maas.faults.refusals, lab.maas.faults.only = 1, frozenset({"Machine.mark_broken"})
        lab.fail(lab.orders.create(life.ASKED, CLOUD))
        assert there.status is NodeStatus.FAILED_DEPLOYMENT
        lab.orders.maintenance(there.hostname, "", ADMIN)
        there.failure, mortal.steps, mortal.dies_in = None, 0, number
        lab.succeed(lab.orders.create(life.ASKED, CLOUD))
        assert there.status is NodeStatus.DEPLOYED
        mortal.dies_in = 0
        life.delete(lab)
        life.nothing_is_left(lab)


def test_a_life_that_is_given_up_in_any_step(lab: MaasHouse) -> None:
    """CloudStack cancels and deletes: the machine is Ready again."""
    for number in range(1, _STEPS):
        runner = life.before_step(lab, number, lambda: life.try_to_delete(lab))
        ended = life.live(lab, runner)
        assert ended is None or ended.state is OperationState.CANCELLED
        life.delete(lab)
        life.nothing_is_left(lab)


def test_a_reservation_that_nobody_uses_is_released_in_maas(lab: MaasHouse) -> None:
    """When its time is over, and even when it was never told."""
    for number in (1, 2, 99):
        runner = life.before_step(lab, number, lab.maas.stop)
        done = lab.run(lab.orders.prepare(life.ASKED, CLOUD), runner)
        assert done.state is (OperationState.SUCCEEDED if number == 99 else OperationState.FAILED)
        if number != 99:
            lab.maas.start()
        lab.ahead_s += 1801
        with lab.store.write() as transaction:
            (machine,) = expire(transaction)
        with lab.store.read() as transaction:
            operation = transaction.operations.unfinished_of(machine.id)
        assert operation is not None
        lab.succeed(operation)
        life.nothing_is_left(lab)


def test_a_region_that_is_restarted_while_it_deploys_is_waited_for(lab: MaasHouse) -> None:
    """For as long as the deployment may take, and not for as long as a few tries take."""
    operation = lab.orders.create(life.ASKED, CLOUD)
    assert isinstance(operation, Operation)
    lab.maas.timings.deploy_s = 0.2
    lab.runner = lab.worker("w1")
    operation = lab.step(operation)
    assert operation.waiting_for == "MAAS to deploy the machine"
    lab.maas.stop()
    for _ in range(20):
        operation = lab.step(operation)
        assert operation.waiting_for == "MAAS to deploy the machine"
    lab.maas.wait("node0001", NodeStatus.DEPLOYED)
    lab.maas.start()
    lab.succeed(operation)
    life.tells_no_lie(lab)
    life.delete(lab)


def test_a_key_that_is_revoked_while_it_deploys_and_given_anew(lab: MaasHouse) -> None:
    """The operation ends with words; with the new key the instance can be deleted."""
    old = lab.maas.key
    operation = lab.orders.create(life.ASKED, CLOUD)
    lab.maas.timings.deploy_s = 30
    assert isinstance(operation, Operation)
    operation = lab.step(operation)
    new = lab.maas.new_key()
    lab.maas.revoke(old)
    done = lab.fail(operation)
    assert "'lab' does not take its key" in done.error
    assert "bmprov maas set" in done.check
    life.tells_no_lie(lab)
    lab.orders.change_region(REGION, RegionChange(key=new), ADMIN)
    life.delete(lab)
    life.nothing_is_left(lab)


@pytest.mark.parametrize(
    "lacks", ["deploy", "release", "query_power_state", "link_subnet", "allocate", "whoami", "mark_broken"]
)
def test_a_region_that_lacks_a_call(lab: MaasHouse, lacks: str) -> None:
    """It is named, and when it is there again, the instance can be deleted."""
    owner = {"link_subnet": "Interface", "allocate": "Machines", "whoami": "Users"}.get(lacks, "Machine")
    lab.maas.faults.lacking = frozenset({(owner, lacks)})
    lab.maas.machines[0].failure = Failure() if lacks == "mark_broken" else None
    failed = life.live(lab)
    if lacks == "whoami":  # which is asked once, by whoever follows the region
        assert failed is None
    else:
        assert failed is not None
        assert lacks in failed.error + failed.check
        assert "'lab'" in failed.error + failed.check
    lab.maas.faults.lacking = frozenset()
    life.delete(lab)
    life.nothing_is_left(lab)


def test_a_bmc_that_fails_when_the_machine_is_given_back(lab: MaasHouse) -> None:
    """It stays the instance's until the BMC works again: MAAS would leave it deployed, and nobody's who finds it."""
    there = lab.maas.machines[0]
    lab.succeed(lab.orders.create(life.ASKED, CLOUD))
    there.bmc.fails = "connection timed out"
    done = lab.fail(lab.orders.delete(life.ASKED, CLOUD))
    assert "connection timed out" in done.error
    assert "check the BMC" in done.check
    assert (there.status, there.agent_name) == (NodeStatus.DEPLOYED, lab.of().instance_id)
    there.bmc.fails = ""
    life.delete(lab)
    life.nothing_is_left(lab)


def test_a_second_prepare_while_the_first_is_under_way_is_the_same(lab: MaasHouse) -> None:
    """CloudStack asks again: one operation, one machine."""
    first = lab.orders.prepare(life.ASKED, CLOUD)
    again = lab.orders.prepare(life.ASKED, CLOUD)
    assert isinstance(first, Operation)
    assert isinstance(again, Operation)
    assert first.id == again.id
    with pytest.raises(Conflict):
        lab.orders.create(life.ASKED, CLOUD)
    lab.succeed(again)
    life.delete(lab)
