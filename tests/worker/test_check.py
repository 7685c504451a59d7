"""Preflight, on simulated BMCs by IPMI and Redfish: what it finds, and that it changes nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bmprov.actions import CHECK
from bmprov.lifecycle import Kind, State
from bmprov.model import Bmc, Machine, Nic, Operation, OperationState
from bmprov.power import BmcLogin, BootDevice, PowerAction
from bmprov.queue import JobQueue
from bmprov.settings import WorkerSettings
from bmprov.store import Store
from bmprov.vault import Vault
from tests import databases
from tests.contract.bmcs import SimulatedMachine, free_udp_port, simulated_bmcs
from tests.contract.redfish_bmcs import SimulatedRedfish, redfish_bmcs
from tests.requests import no_ports, no_request
from worker.drivers.choice import Drivers
from worker.runner import Runner

Checked = dict[str, tuple[str, str]]
Check = Callable[..., Checked]


@pytest.fixture(params=["ipmi", "redfish"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SimulatedMachine | SimulatedRedfish]:
    with ExitStack() as stack:
        if request.param == "ipmi":
            yield stack.enter_context(simulated_bmcs()).start()
        else:
            (tmp_path / "redfish").mkdir()
            yield stack.enter_context(redfish_bmcs(tmp_path / "redfish")).start_redfish()


@pytest.fixture
def check(tmp_path: Path, valkey: str) -> Iterator[Check]:
    """Check a machine with this login and these NICs: verdict and sentence by check."""
    Vault.create_file(tmp_path / "secret.key")
    vault, queue = Vault.from_file(tmp_path / "secret.key"), JobQueue(valkey)
    queue.redis.flushall()
    store = Store(databases.sqlite(tmp_path / "bmprov.db"))
    runner = Runner(
        store,
        Drivers(vault, queue, urgent=True).of,
        WorkerSettings(step_s=2),
        "w1",
        lambda: 1.0,
        lambda _: "",
        no_request,
        no_ports(store),
    )

    def run(login: BmcLogin, nics: tuple[Nic, ...] = (Nic("52:54:00:00:00:01", 0),)) -> Checked:
        bmc = Bmc(login.address, login.user, vault.seal(login.password.encode()), trust=login.trust)
        with store.write() as transaction:
            transaction.machines.add(Machine("m", "rack1-07", bmc, nics, state=State.AVAILABLE))
            found = transaction.machines.get("m")
            assert found is not None
            begun: Operation | None = transaction.operations.begin(Kind.BMC, found, "t", command=CHECK.name)
        assert begun is not None
        runner.advance(begun.id)
        with store.read() as transaction:
            begun = transaction.operations.get(begun.id)
        assert begun is not None
        assert begun.state is OperationState.SUCCEEDED, begun.error
        return {one["check"]: (one["verdict"], one["finding"]) for one in begun.answer}

    yield run
    store.close()


def test_a_machine_that_is_fit(machine: SimulatedMachine | SimulatedRedfish, check: Check) -> None:
    """It is told so check by check, and afterwards everything is as it was."""
    found = check(machine.login)
    assert found["BMC"] == ("good", "it answers, and takes the login")
    assert found["power"] == ("good", "it reads off")
    assert found["sensors"][0] == "good"
    assert found["boot override"] == ("good", "the network is kept, and 'default' is put back")
    assert machine.chassis.boot.override.device is BootDevice.DEFAULT
    assert machine.changes() == 0


def test_the_override_of_a_running_machine_is_left_alone(
    machine: SimulatedMachine | SimulatedRedfish, check: Check
) -> None:
    """It might restart in just that moment."""
    machine.chassis.press(PowerAction.ON)
    before = machine.chassis.boot.raw
    assert check(machine.login)["boot override"][1].startswith("it reads 'default'; one is tried out when")
    assert machine.chassis.boot.raw == before


def test_a_bmc_that_drops_overrides_is_found_out(machine: SimulatedMachine | SimulatedRedfish, check: Check) -> None:
    """Before a deployment boots from the disk for it."""
    machine.faults.drops_boot = True
    verdict, finding = check(machine.login)["boot override"]
    assert verdict == "bad"
    assert "accepted boot device 'network' and dropped it" in finding


def test_a_wrong_password_ends_it(machine: SimulatedMachine | SimulatedRedfish, check: Check) -> None:
    """What would come after it is not tried, and the password is tried once."""
    login = BmcLogin(machine.login.address, "admin", "wrong", trust=machine.login.trust)
    [(verdict, finding)] = check(login).values()
    assert verdict == "bad"
    assert "refused user 'admin' or its password" in finding


def test_a_bmc_that_is_not_there(check: Check) -> None:
    """Is told as such."""
    [(verdict, finding)] = check(BmcLogin(f"ipmi://127.0.0.1:{free_udp_port()}", "admin", "secret")).values()
    assert verdict == "bad"
    assert "is not there" in finding


def test_nics_are_held_against_what_the_bmc_knows(tmp_path: Path, check: Check) -> None:
    """A machine that was enrolled with another's MACs would never get an address."""
    (tmp_path / "redfish").mkdir()
    with redfish_bmcs(tmp_path / "redfish") as hall:
        verdict, finding = check(hall.start_redfish().login, (Nic("52:54:00:99:99:99", 0),))["NICs"]
    assert verdict == "warning"
    assert finding.endswith("and not 52:54:00:99:99:99")


def test_a_machine_without_nics_cannot_be_deployed(machine: SimulatedMachine | SimulatedRedfish, check: Check) -> None:
    """Nobody would answer its network boot."""
    assert check(machine.login, ())["NICs"] == (
        "bad",
        "no MAC is enrolled, so its network boot is answered by nobody",
    )
