"""CloudStack's actions as orders on a real SQLite file, with the flow runner as the worker."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from bmprov.console import Admission
from bmprov.errors import Conflict, Invalid, NoCapacity, NotFound, Refused
from bmprov.hardware import Console, ConsoleKind
from bmprov.lifecycle import Kind, State
from bmprov.model import Arch, BondMode, BootMode, Image, Machine, Nic, Operation, OperationState, Role
from bmprov.orders import Caller, NewMachine, Orders
from bmprov.power import BmcLogin, PowerAction
from bmprov.settings import WorkerSettings
from bmprov.store import Store
from bmprov.vault import Vault
from tests import databases
from tests.requests import no_ports, no_request
from worker.drivers.fake import FakeDriver, FakeMedia, FakeTools
from worker.flow import MachineDrivers
from worker.runner import Runner

CLOUD = Caller("cloud-1", Role.CLOUD, "c1", "10.0.0.1")
OTHER = Caller("cloud-2", Role.CLOUD, "c2", "10.0.0.2")
ADMIN = Caller("admin", Role.ADMIN, "", "127.0.0.1")


def bmc(address: str) -> BmcLogin:
    return BmcLogin(address, "admin", "geheim")


def _drivers(machine: Machine) -> MachineDrivers:
    return MachineDrivers(FakeDriver(machine.reading.power), FakeTools(), FakeMedia())


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def payload(number: int = 1, nics: int = 1, host: str = "h1", **details: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "externaldetails": {"host": {"host": host}, "virtualmachine": {"image": "debian", **details}},
        "virtualmachineid": uuid_of(number),
        "virtualmachinename": f"i-2-{number}-VM",
        "cloudstack.vm.details": {
            "cpus": 2,
            "nics": [
                {
                    "deviceId": place,
                    "nicUuid": f"nic-{place}",
                    "uuid": f"net-{place}",
                    "mac": f"02:00:00:00:{number:02x}:{place:02x}",
                }
                for place in range(nics)
            ],
        },
    }


class House:
    """Orders, a runner, and some machines whose BMCs are fake but whose deployment waits for a ramdisk."""

    def __init__(self, folder: Path, machines: int) -> None:
        self.now = 1_000_000.0
        self.store = Store(databases.sqlite(folder / "bmprov.db"), lambda: self.now)
        self.orders = Orders(self.store, Vault([Fernet.generate_key()]), reservation_s=1800, freshness_s=90)
        self.runner = Runner(
            self.store, _drivers, WorkerSettings(), "w1", lambda: 1.0, lambda _: "", no_request, no_ports(self.store)
        )
        with self.store.write() as transaction:
            transaction.images.add(Image("img", "debian", "raw", "00", 1, "00", 1))
        for number in range(machines):
            nics = (Nic(f"52:54:00:00:{number:02x}:00", 0, "front"), Nic(f"52:54:00:00:{number:02x}:01", 1, "back"))
            new = NewMachine(f"m{number:02d}", bmc(f"ipmi://10.0.0.{number}:623"), nics=nics, cpus=4)
            self.run(self.orders.enrol(new, ADMIN)[1])

    def run(self, operation: Operation | dict[str, Any]) -> Operation:
        """Take an operation to its end, as the worker, the watch and the ramdisk would."""
        assert isinstance(operation, Operation)
        while not operation.finished:
            self.runner.advance(operation.id)
            with self.store.write() as transaction:
                transaction.operations.signal(operation.id, lambda report: replace(report, booted=True, written=True))
                self.now += 10
                operation = transaction.operations.get(operation.id) or operation
        return operation

    def deploy(self, number: int = 1) -> Operation:
        operation = self.run(self.orders.create(payload(number), CLOUD))
        assert operation.state is OperationState.SUCCEEDED, operation.error
        return operation

    def machine_of(self, number: int = 1) -> Machine | None:
        with self.store.read() as transaction:
            instance = transaction.instances.get(uuid_of(number))
            return transaction.machines.get(instance.machine_id) if instance else None

    def power(self, number: int = 1) -> str:
        return str(self.orders.status(payload(number), CLOUD)["power_state"])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path, 2)
    yield built
    built.store.close()


def test_prepare_answers_with_the_real_macs(house: House) -> None:
    """Both uuids, the MAC of the machine's NIC in order, and the machine's name as a detail that comes back."""
    answer = house.orders.prepare(payload(nics=2), CLOUD)
    assert answer == {
        "nics": [
            {"uuid": "net-0", "nicUuid": "nic-0", "mac": "52:54:00:00:00:00"},
            {"uuid": "net-1", "nicUuid": "nic-1", "mac": "52:54:00:00:00:01"},
        ],
        "details": {"External:bmprov.machine": "m00"},
    }
    assert house.orders.prepare(payload(nics=2), CLOUD) == answer


def test_prepare_maps_nics_by_tag(house: House) -> None:
    """The detail `nic_tags` chooses which NIC of the machine carries which of the instance."""
    answer = house.orders.prepare(payload(nics=2, nic_tags="back,front"), CLOUD)
    assert [nic["mac"] for nic in answer["nics"]] == ["52:54:00:00:00:01", "52:54:00:00:00:00"]


def test_prepare_leaves_an_imposed_mac(house: House) -> None:
    """The detail `mac` says for which NIC; asked again, with what CloudStack has then, the answer is the same."""
    asked = payload(nics=2, mac="adopt,impose")
    answer = house.orders.prepare(asked, CLOUD)
    assert [nic["mac"] for nic in answer["nics"]] == ["52:54:00:00:00:00", "02:00:00:00:01:01"]
    asked["cloudstack.vm.details"]["nics"][0]["mac"] = "52:54:00:00:00:00"
    assert house.orders.prepare(asked, CLOUD) == answer


def test_a_bond_has_one_mac_in_cloudstack(house: House) -> None:
    """That of the member that boots."""
    bond = {"bond": "bond0", "bond_mode": BondMode.LACP}
    nics = (Nic("52:54:00:00:09:00", 0, **bond), Nic("52:54:00:00:09:01", 1, netboot=True, **bond))
    for name in ("m00", "m01"):
        house.orders.maintenance(name, "not today", ADMIN)
    house.run(house.orders.enrol(NewMachine("bonded", bmc("ipmi://10.0.0.9:623"), nics=nics, cpus=4), ADMIN)[1])
    answer = house.orders.prepare(payload(), CLOUD)
    assert [nic["mac"] for nic in answer["nics"]] == ["52:54:00:00:09:01"]
    house.run(house.orders.delete(payload(), CLOUD))
    with pytest.raises(NoCapacity, match="bonded, has 1 of 2 NICs, each bond counted as one"):
        house.orders.prepare(payload(2, nics=2), CLOUD)


def test_a_machine_without_the_tag_keeps_no_reservation(house: House) -> None:
    """When the NICs cannot be mapped the refusal leaves nothing reserved."""
    with pytest.raises(NoCapacity, match="storage"):
        house.orders.prepare(payload(nic_tags="storage"), CLOUD)
    assert house.machine_of() is None


def test_prepare_then_create_then_everything(house: House) -> None:
    """The whole life of an instance; at its end the pool is as it was."""
    house.orders.prepare(payload(), CLOUD)
    assert house.power() == "poweroff"
    assert house.deploy().machine_name == "m00"
    assert house.power() == "poweron"
    assert house.run(house.orders.stop(payload(), CLOUD)).message == "m00 is off"
    assert house.power() == "poweroff"
    assert house.run(house.orders.start(payload(), CLOUD)).state is OperationState.SUCCEEDED
    assert house.run(house.orders.reboot(payload(), CLOUD)).state is OperationState.SUCCEEDED
    assert house.power() == "poweron"
    assert house.run(house.orders.delete(payload(), CLOUD)).message == "m00 is available"
    assert house.machine_of() is None
    with house.store.read() as transaction:
        assert [one.state for one in transaction.machines.all()] == [State.AVAILABLE] * 2


def test_create_again_is_the_same_operation(house: House) -> None:
    """A second management server asks while the first one's deployment runs; afterwards there is nothing to do."""
    first = house.orders.create(payload(), CLOUD)
    again = house.orders.create(payload(), CLOUD)
    assert isinstance(first, Operation)
    assert isinstance(again, Operation)
    assert first.id == again.id
    house.run(first)
    done = house.orders.create(payload(), CLOUD)
    assert isinstance(done, dict)
    assert "already" in done["message"]


def test_create_after_a_failure_tries_the_same_machine(house: House) -> None:
    """The instance keeps its machine, and the machine leaves `error` by being deployed."""
    operation = house.orders.create(payload(), CLOUD)
    assert isinstance(operation, Operation)
    house.orders.cancel(operation.id, CLOUD)
    machine = house.machine_of()
    assert machine is not None
    assert machine.state is State.ERROR
    assert house.deploy().machine_id == machine.id


def test_a_hundred_prepares_for_sixty_machines(tmp_path: Path) -> None:
    """Sixty distinct machines are reserved and forty refusals say what is missing."""
    house = House(tmp_path, 60)

    def ask(number: int) -> str:
        try:
            return str(house.orders.prepare(payload(number), CLOUD)["details"]["External:bmprov.machine"])
        except NoCapacity as refusal:
            return str(refusal)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(1, 101)))
    refusals = [answer for answer in answers if answer.startswith("no free machine for 2 cpus")]
    assert len(refusals) == 40
    assert len(set(answers) - set(refusals)) == 60


def test_twenty_prepares_of_one_instance(house: House) -> None:
    """One instance gets one machine, however often it is asked for in the same moment."""
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: house.orders.prepare(payload(), CLOUD), range(20)))
    assert all(answer == answers[0] for answer in answers)


def test_given_up_create_then_stop_and_delete(house: House) -> None:
    """Stop and delete end the deployment that CloudStack gave up; the machine is free, off, with nothing left over."""
    operation = house.orders.create(payload(), CLOUD)
    assert isinstance(operation, Operation)
    house.runner.advance(operation.id)
    with pytest.raises(Conflict, match="deploy is being cancelled"):
        house.orders.stop(payload(), CLOUD)
    house.runner.advance(operation.id)  # which has to clear up first
    stopped = house.run(house.orders.stop(payload(), CLOUD))
    assert stopped.action is PowerAction.OFF
    with house.store.read() as transaction:
        ended = transaction.operations.get(operation.id)
    assert ended is not None
    assert ended.state is OperationState.CANCELLED
    assert house.run(house.orders.delete(payload(), CLOUD)).state is OperationState.SUCCEEDED
    with house.store.read() as transaction:
        machine = transaction.machines.named("m00")
        assert transaction.instances.all() == []
    assert machine is not None
    assert (machine.state, machine.instance_id, machine.reading.power) == (State.AVAILABLE, None, "off")


def test_stop_while_a_worker_is_in_a_step(house: House) -> None:
    """The step is not torn: the order is told to come again, and the cancel that it asked for is kept."""
    operation = house.orders.create(payload(), CLOUD)
    assert isinstance(operation, Operation)
    with house.store.write() as transaction:
        transaction.operations.claim(operation.id, "w1", 20)
    with pytest.raises(Conflict, match="deploy is being cancelled") as caught:
        house.orders.stop(payload(), CLOUD)
    assert caught.value.retry_after_s is not None
    with house.store.read() as transaction:
        asked = transaction.operations.get(operation.id)
    assert asked is not None
    assert asked.cancelled_by == "cloud-1"


def test_what_does_not_exist_is_stopped_and_deleted_but_not_started(house: House) -> None:
    """CloudStack cleans up after a failed create with `stop`; it must succeed for what never was."""
    for order in (house.orders.stop, house.orders.delete):
        answer = order(payload(), CLOUD)
        assert isinstance(answer, dict)
        assert answer["status"] == "success"
    for refused in (house.orders.start, house.orders.reboot, house.orders.status):
        with pytest.raises(NotFound, match="there is no instance"):
            refused(payload(), CLOUD)


def test_stop_of_a_reserved_instance_has_nothing_to_do(house: House) -> None:
    """A machine that is only reserved is not touched."""
    house.orders.prepare(payload(), CLOUD)
    answer = house.orders.stop(payload(), CLOUD)
    assert isinstance(answer, dict)
    assert "only reserved" in answer["message"]


def test_another_cloud_sees_nothing(house: House) -> None:
    """Two CloudStacks on one service: neither sees, stops or deletes what is the other's."""
    operation = house.deploy()
    with pytest.raises(NotFound):
        house.orders.status(payload(), OTHER)
    answer = house.orders.delete(payload(), OTHER)
    assert isinstance(answer, dict)
    assert house.machine_of() is not None
    assert house.orders.statuses(payload(), OTHER)["power_state"] == {}
    with pytest.raises(NotFound):
        house.orders.cancel(operation.id, OTHER)
    with pytest.raises(Conflict, match="another cloud"):
        house.orders.create(payload(), OTHER)


def test_statuses_are_those_of_the_host_that_asks(house: House) -> None:
    """An instance of another host in the answer would look to CloudStack as if it had moved."""
    house.deploy(1)
    house.run(house.orders.create(payload(2, host="h2"), CLOUD))
    assert house.orders.statuses(payload(1), CLOUD)["power_state"] == {"i-2-1-VM": "poweron"}
    assert house.orders.statuses(payload(2, host="h2"), CLOUD)["power_state"] == {"i-2-2-VM": "poweron"}


@pytest.mark.parametrize(
    ("details", "error", "says"),
    [
        ({"image": "windows"}, Invalid, "no image 'windows' in the catalogue: the catalogue has: debian"),
        ({"image": ""}, Invalid, "names no image"),
        ({"cpus_min": "64"}, NoCapacity, "4 of 64 cpus"),
        ({"machine": "m77"}, NoCapacity, "name m00 instead of m77"),
        ({"tags": "gpu"}, NoCapacity, "tag gpu missing"),
    ],
)
def test_a_create_that_cannot_be_leaves_nothing(
    house: House, details: dict[str, str], error: type[Exception], says: str
) -> None:
    """One clear sentence, and no reservation."""
    with pytest.raises(error, match=says):
        house.orders.create(payload(**details), CLOUD)
    assert house.machine_of() is None


def test_the_payload_is_sealed(house: House) -> None:
    """User data and passwords are not readable in the database."""
    asked = payload()
    asked["cloudstack.vm.details"]["vmData"] = [["password", "vm_password", "geheim"]]
    house.orders.create(asked, CLOUD)
    with house.store.read() as transaction:
        instance = transaction.instances.get(uuid_of(1))
    assert instance is not None
    assert b"geheim" not in instance.sealed_payload


def test_every_change_is_an_event(house: House) -> None:
    """Who, what, when, from where."""
    house.deploy()
    house.run(house.orders.delete(payload(), CLOUD))
    with house.store.read() as transaction:
        events = [(one.what, one.actor, one.origin, one.machine) for one in transaction.events.newest()][:3]
    assert events == [
        ("release", "cloud-1", "10.0.0.1", "m00"),
        ("deploy", "cloud-1", "10.0.0.1", "m00"),
        ("reserve", "cloud-1", "10.0.0.1", "m00"),
    ]


def test_an_operator_releases_what_an_instance_has(house: House) -> None:
    """A machine in trouble is brought back by hand; inspecting it is refused while an instance has it."""
    house.deploy()
    with pytest.raises(Conflict, match="release it instead"):
        house.orders.inspect("m00", ADMIN)
    assert house.run(house.orders.release("m00", ADMIN)).kind is Kind.RELEASE
    assert house.machine_of() is None


def test_a_removed_machine_is_gone(house: House) -> None:
    """Removing asks that nothing is under way and no instance has it."""
    house.orders.power("m01", PowerAction.ON, ADMIN)
    with pytest.raises(Conflict, match="an operation is under way"):
        house.orders.remove("m01", ADMIN)
    house.orders.remove("m00", ADMIN)
    with pytest.raises(NotFound):
        house.orders.maintenance("m00", "gone", ADMIN)


def test_a_bmc_password_is_sealed(house: House) -> None:
    """What is stored opens with the vault alone, and no repr shows it."""
    with house.store.read() as transaction:
        machine = transaction.machines.named("m00")
    assert machine is not None
    assert b"geheim" not in machine.bmc.sealed_password
    assert "geheim" not in repr(machine)


def enter_image(house: House, name: str, **known: Any) -> None:  # noqa: ANN401 - fields of an image
    with house.store.write() as transaction:
        transaction.images.add(Image(name, name, "raw", name, 1, name, 1, **known))


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({"arch": Arch.AARCH64}, "is for aarch64 and the machine is x86_64"),
        ({"boot_modes": (BootMode.BIOS,)}, "boots by bios only and the machine boots by uefi"),
        ({"boot_modes": ()}, "has nothing that boots"),
        (
            {"min_disk_bytes": 9 * 2**30 + 1},
            r"needs a disk of 9\.0 GiB \(\d+ bytes\) and the machine's has 9 GiB",
        ),
    ],
)
def test_an_image_that_a_machine_cannot_take_is_refused(tmp_path: Path, known: dict[str, Any], says: str) -> None:
    """Before anything is reserved or switched on; for the machine of a MAC, and for one that is reserved already."""
    house = House(tmp_path, 0)
    new = NewMachine("m00", bmc("ipmi://10.0.0.1:623"), nics=(Nic("52:54:00:00:00:00", 0),), disk_gib=9)
    house.run(house.orders.enrol(replace(new, cpus=4), ADMIN)[1])
    enter_image(house, "other", **known)
    with pytest.raises(NoCapacity, match=f"takes the instance: the nearest, m00: image 'other' {says}"):
        house.orders.prepare(payload(image="other"), CLOUD)
    assert house.machine_of() is None
    meant = payload(image="other")
    meant["cloudstack.vm.details"]["nics"][0]["mac"] = "52:54:00:00:00:00"
    with pytest.raises(Invalid, match=f"cannot be deployed on machine 'm00': image 'other' {says}"):
        house.orders.create(meant, CLOUD)
    house.orders.prepare(payload(), CLOUD)
    with pytest.raises(Invalid, match="cannot be deployed on machine 'm00'"):
        house.orders.create(payload(image="other"), CLOUD)
    machine = house.machine_of()
    assert machine is not None
    assert machine.state is State.RESERVED
    house.deploy()
    assert house.orders.create(payload(image="other"), CLOUD)["status"] == "success"
    house.store.close()


def test_the_next_machine_takes_an_image_that_the_smallest_cannot(house: House) -> None:
    """An image chooses too; a disk, an architecture and boot modes that nobody knows refuse nothing."""
    nics = (Nic("52:54:00:00:99:00", 0),)
    new = NewMachine("old", bmc("ipmi://10.0.9.9:623"), nics=nics, cpus=64, boot_mode=BootMode.BIOS)
    house.run(house.orders.enrol(new, ADMIN)[1])
    enter_image(house, "bios", boot_modes=(BootMode.BIOS,), min_disk_bytes=2**50, arch=Arch.X86_64)
    answer = house.orders.prepare(payload(image="bios"), CLOUD)
    assert answer["details"] == {"External:bmprov.machine": "old"}
    enter_image(house, "unknown", min_disk_bytes=2**50)
    assert house.orders.prepare(payload(2, image="unknown"), CLOUD)["details"] == {"External:bmprov.machine": "m00"}


def custom(action: str, role_type: str = "Admin", number: int = 1, **parameters: object) -> dict[str, Any]:
    return payload(number) | {"action": action, "parameters": parameters, "caller": {"roletype": role_type}}


def serial(house: House, name: str = "m00") -> Machine:
    """A machine whose BMC has been found to have a serial console."""
    with house.store.write() as transaction:
        machine = transaction.machines.named(name)
        assert machine is not None
        transaction.consoles.keep(machine.id, Console(ConsoleKind.IPMI, machine.bmc.address))
    return machine


def test_a_console_is_the_instances_while_it_runs(house: House) -> None:
    """Its place at the console names who asked, and ends with the instance."""
    asked = payload() | {"caller": {"name": "alice", "roletype": "User"}}
    house.orders.prepare(payload(), CLOUD)
    with pytest.raises(Conflict, match="is reserved and not active"):
        house.orders.console(asked, CLOUD)
    house.deploy()
    serial(house)
    order = house.orders.console(asked, CLOUD)
    assert order.admission == Admission(order.machine.id, "alice in c1", uuid_of(1))
    assert house.orders.console(payload(), CLOUD).admission.who == "c1"
    with pytest.raises(NotFound):
        house.orders.console(asked, replace(CLOUD, cloud="c2"))


def test_a_console_by_what_the_bmc_offers(house: House) -> None:
    """Without one it is refused with what to do; the graphical one is the BMC's own page."""
    house.deploy()
    machine = serial(house)
    assert not house.orders.console(payload(), CLOUD).graphical
    with house.store.write() as transaction:
        transaction.consoles.keep(machine.id, Console(ConsoleKind.NONE))
    with pytest.raises(Conflict, match="offers no console") as refused:
        house.orders.console(payload(), CLOUD)
    assert "machine check" in refused.value.check
    with house.store.write() as transaction:
        transaction.consoles.keep(machine.id, Console(ConsoleKind.GRAPHICAL, "https://10.0.0.9/"))
    assert house.orders.console_of(machine.name, ADMIN).graphical == "https://10.0.0.9/"


def test_a_new_bmc_has_another_console(house: House) -> None:
    """And another host key: what was known of the old one is forgotten."""
    machine = serial(house)
    with house.store.write() as transaction:
        console = Console(ConsoleKind.SSH, "ssh://10.0.0.9:22")
        transaction.consoles.keep(machine.id, console)
        transaction.consoles.pin(machine.id, "SHA256:x")
        transaction.consoles.keep(machine.id, console)
        assert transaction.consoles.host_key(machine.id) == "SHA256:x", "the same console keeps its key"
    house.orders.set_bmcs(machine.name, bmc("redfish://10.0.0.10"), None, ADMIN)
    with house.store.read() as transaction:
        assert transaction.consoles.of(machine.id) is None
        assert transaction.consoles.host_key(machine.id) == ""


def test_a_custom_action_is_an_operation(house: House) -> None:
    """It is carried out with its parameters, and what it tells is kept with it."""
    house.deploy()
    done = house.run(house.orders.custom(custom("hardware"), CLOUD))
    assert (done.kind, done.command, done.action) == (Kind.BMC, "hardware", None)
    assert done.answer["machine"] == "m00"
    done = house.run(house.orders.custom(custom("identify", seconds=30), CLOUD))
    assert (done.parameters, done.message) == ({"seconds": 30}, "the locator of m00 is lit for 30 s")
    done = house.run(house.orders.custom(custom("bootdevice", device="setup"), CLOUD))
    assert done.message == "m00 boots from setup once"
    with house.store.read() as transaction:
        assert {"hardware", "identify", "bootdevice"} <= {event.what for event in transaction.events.newest()}


@pytest.mark.parametrize(
    ("action", "during", "after"),
    [
        ("powercycle", "poweron", "poweron"),
        ("powerreset", "poweron", "poweron"),
        ("poweroff", "poweron", "poweroff"),
        ("softshutdown", "poweron", "poweroff"),
        ("poweron", "poweron", "poweron"),
    ],
)
def test_power_that_is_switched_by_a_custom_action(house: House, action: str, during: str, after: str) -> None:
    """A machine that is off for a moment because we cycle it is on to CloudStack; one that was switched off is off."""
    house.deploy()
    operation = house.orders.custom(custom(action), CLOUD)
    assert (operation.kind, operation.command) == (Kind.POWER, action)
    assert house.power() == during
    assert house.run(operation).state is OperationState.SUCCEEDED
    assert house.power() == after


def test_what_does_not_go_with_a_deployment_is_refused_with_the_reason(house: House) -> None:
    """Before it is active, while it is deployed, and while another action is under way."""
    with pytest.raises(NotFound, match="no instance"):
        house.orders.custom(custom("powercycle"), CLOUD)
    house.orders.create(payload(), CLOUD)
    with pytest.raises(Conflict, match="is deploying and not active"):
        house.orders.custom(custom("powercycle"), CLOUD)
    house.deploy(2)
    house.orders.custom(custom("powercycle", number=2), CLOUD)
    with pytest.raises(
        Conflict, match="'nmi' does not go with powercycle, which is under way on machine 'm01'"
    ) as caught:
        house.orders.custom(custom("nmi", number=2), CLOUD)
    assert caught.value.retry_after_s is None


def test_a_tenant_may_not_what_can_destroy_work(house: House) -> None:
    """Unless the operator lets him; what only looks is for all, and nothing is begun by a refusal."""
    house.deploy()
    with pytest.raises(Refused, match="'powercycle' is not for a caller of role type User"):
        house.orders.custom(custom("powercycle", "User"), CLOUD)
    with pytest.raises(Invalid, match="no action 'selfdestruct'"):
        house.orders.custom(custom("selfdestruct"), CLOUD)
    assert house.run(house.orders.custom(custom("sensors", "User"), CLOUD)).answer == []
    house.orders._user_actions = ("powercycle",)
    assert house.run(house.orders.custom(custom("powercycle", "User"), CLOUD)).state is OperationState.SUCCEEDED


def test_another_clouds_instance_is_not_there(house: House) -> None:
    """As with every action."""
    house.deploy()
    with pytest.raises(NotFound):
        house.orders.custom(custom("sensors"), OTHER)
