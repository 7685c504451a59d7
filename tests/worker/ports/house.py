"""Machines on two switches, with orders, a runner and a chassis for each machine, and a guard that watches every move.

The switches are the fake ones that ship, behind the bounds. The guard asserts at every change what must never be: a
port that is open to another network than before while its machine is on.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from bmprov.cabling import Cable, ManagedSwitch
from bmprov.deadline import Deadline
from bmprov.errors import BmcSilent, Conflict
from bmprov.lifecycle import State
from bmprov.model import Bmc, Image, Machine, Nic, Operation, Role, StepRun
from bmprov.orders import Caller, Orders
from bmprov.payload import InstanceRequest, parse_request
from bmprov.power import Power, PowerAction
from bmprov.settings import WorkerSettings
from bmprov.store import Store
from bmprov.switch import Bounds, Change, Outcome, Plan, PortSetting, PortState, Switch
from bmprov.vault import Vault
from bmprov.vlan_map import VlanMap
from bmprov.vlans import VlanRanges
from tests import databases
from worker.drivers.fake import FakeDriver, FakeMedia, FakeTools
from worker.flow import MachineDrivers
from worker.ports import PortMover
from worker.runner import Runner
from worker.switches.fake import FakeSwitch, MemoryNotes
from worker.switches.guarded import GuardedSwitch
from worker.switches.switch_lock import LocalSwitchLock

CLOUD = Caller("cloud-1", Role.CLOUD, "c1", "10.0.0.1")
PROVISIONING, QUARANTINE = 99, 666
CLOSED = (False, PortSetting.access(QUARANTINE))
MAPPINGS = ("vxlan://5000-5099=1500-1599",)
LIMITS = WorkerSettings()
_SOON = Deadline.after(3600)


def mac_of(machine: int, nic: int = 0) -> str:
    return f"52:54:00:00:{machine:02x}:{nic:02x}"


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def payload(number: int = 1, networks: Sequence[str] = ("vlan://1577",), **details: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    nics = [
        {
            "deviceId": place,
            "nicUuid": f"nic-{place}",
            "uuid": f"net-{place}",
            "mac": f"02:00:00:00:{number:02x}:{place:02x}",
            "broadcastUri": network,
        }
        for place, network in enumerate(networks)
    ]
    return {
        "externaldetails": {"host": {"host": "h1"}, "virtualmachine": {"image": "debian", **details}},
        "virtualmachineid": uuid_of(number),
        "virtualmachinename": f"i-2-{number}-VM",
        "cloudstack.vm.details": {"cpus": 2, "nics": nics},
    }


class Chassis(FakeDriver):
    """A machine's power, whether its BMC answers, and how long the newest call would have waited for that."""

    def __init__(self) -> None:
        super().__init__(Power.OFF)
        self.silent = False
        self.patience_s = 0.0

    def read(self, by: Deadline) -> Power:
        self._answer(by)
        return super().read(by)

    def switch(self, action: PowerAction, by: Deadline) -> Power:
        self._answer(by)
        return super().switch(action, by)

    @property
    def is_off(self) -> bool:
        """What is so, whether or not the BMC tells."""
        return super().read(_SOON) is Power.OFF

    def _answer(self, by: Deadline) -> None:
        self.patience_s = by.remaining_s
        if self.silent:
            raise BmcSilent("10.0.0.7", 5)


class WatchedSwitch:
    """A switch that fails when it is told to, before or after it has acted, and whose every change is looked at."""

    def __init__(self, house: "House", switch: Switch) -> None:
        self._house = house
        self._switch = switch

    def read(self, ports: Sequence[str], by: Deadline) -> Mapping[str, PortState]:
        return self._switch.read(ports, by)

    def plan(self, changes: Sequence[Change], by: Deadline) -> Plan:
        return self._switch.plan(changes, by)

    def apply(self, changes: Sequence[Change], by: Deadline, *, save: bool = False) -> Outcome:
        self._house.fail("before")
        before = self._switch.read([change.port for change in changes], by)
        outcome = self._switch.apply(changes, by, save=save)
        for port, state in outcome.after.items():
            if state != before[port] and state.enabled and not self._house.repairs:
                assert self._house.chassis[f"m{port}"].is_off, f"{port} was opened under a machine that runs"
        self._house.fail("after")
        return outcome


class House:
    """Machines of two NICs: the first NIC of machine N is on port N of `tor1`, the second on port N of `tor2`."""

    def __init__(self, folder: Path, machines: int = 2) -> None:
        self.now = 1_000_000.0
        self.store = Store(databases.sqlite(folder / "bmprov.db"), self.clock)
        self.vault = Vault([Fernet.generate_key()])
        vlan_map = VlanMap.parse(MAPPINGS)
        self.orders = Orders(self.store, self.vault, reservation_s=1800, freshness_s=90, vlan_map=vlan_map)
        self.failures: list[tuple[str, BaseException | None]] = []
        self.deaf: dict[str, Exception] = {}
        self.repairs = False  # a person sets ports under a machine that runs
        self._notes, self._lock = MemoryNotes(), LocalSwitchLock()
        self.chassis = {f"m{number}": Chassis() for number in range(1, machines + 1)}
        self.runner = self.worker("w1", self._driver)
        with self.store.write() as transaction:
            transaction.images.add(Image("img", "debian", "raw", "00", 1, "00", 1))
            for number in (1, 2):
                transaction.switches.add(self.switch(number))
            for number in range(1, machines + 1):
                nics = (Nic(mac_of(number), 0, netboot=True), Nic(mac_of(number, 1), 1))
                bmc = Bmc(f"ipmi://10.0.0.{number}", "u", b"")
                transaction.machines.add(Machine(f"m{number}", f"m{number}", bmc, nics, cpus=4, state=State.AVAILABLE))
                for place in (0, 1):
                    port = self.interface(place + 1, number)
                    transaction.cabling.enter(Cable(mac_of(number, place), f"tor{place + 1}", port))

    def clock(self) -> float:
        """The house's time."""
        return self.now

    def worker(self, name: str, driver_of: Callable[[ManagedSwitch, Collection[str]], Switch]) -> Runner:
        """What a worker runs operations with."""
        ports = PortMover(self.store, driver_of, VlanMap.parse(MAPPINGS)).of
        return Runner(self.store, self._drivers, LIMITS, name, lambda: 1.0, lambda _: "", self._request, ports)

    def interface(self, switch: int, machine: int) -> str:  # noqa: ARG002 - both switches are alike here
        """What a switch calls a machine's port."""
        return f"{machine}"

    def switch(self, number: int) -> ManagedSwitch:
        """A switch."""
        name, vlans = f"tor{number}", VlanRanges.parse("1500-1599")
        return ManagedSwitch(name, name, f"fake://{name}", "", b"", b"", PROVISIONING, QUARANTINE, vlans, ("48",))

    def create(self, number: int = 1, networks: Sequence[str] = ("vlan://1577",)) -> Operation:
        """CloudStack's `create`, not run yet."""
        operation = self.orders.create(payload(number, networks), CLOUD)
        assert isinstance(operation, Operation)
        return operation

    def advance(self, operation: Operation) -> Operation:
        """What a worker does with it now; one that is killed in the middle leaves its lease behind."""
        with suppress(Killed):
            self.runner.advance(operation.id)
        return self.look(operation)

    def finish(self, operation: Operation, **told: object) -> Operation:
        """Take an operation to its end, as the workers, the watch and a ramdisk that does all at once would."""
        for _ in range(200):
            operation = self.advance(operation)
            if operation.finished:
                return operation
            self.ramdisk(operation, **(told or {"booted": True, "written": True}))
            self.now += 30
        raise AssertionError(f"it does not end: {operation}")

    def ramdisk(self, operation: Operation, **told: object) -> None:
        """What the ramdisk tells."""
        with self.store.write() as transaction:
            transaction.operations.signal(operation.id, lambda report: replace(report, **told))  # type: ignore[arg-type] # any field

    def delete(self, number: int = 1) -> Operation:
        """CloudStack's `delete`, to its end."""
        while True:
            try:
                answer = self.orders.delete(payload(number), CLOUD)
            except Conflict:  # a deployment clears up first
                with self.store.read() as transaction:
                    running = transaction.operations.all(unfinished=True)
                self.finish(running[0])
                continue
            assert isinstance(answer, Operation)
            return self.finish(answer)

    def look(self, operation: Operation) -> Operation:
        """The operation as it stands."""
        with self.store.read() as transaction:
            return transaction.operations.get(operation.id) or operation

    def steps(self, operation: Operation) -> list[StepRun]:
        """Its timeline."""
        with self.store.read() as transaction:
            return transaction.operations.steps_of(operation.id)

    def machine(self, name: str = "m1") -> Machine:
        """A machine as it stands."""
        with self.store.read() as transaction:
            found = transaction.machines.named(name)
        assert found is not None
        return found

    def port(self, machine: int, nic: int = 0) -> tuple[bool, PortSetting]:
        """Whether the port of a machine's NIC is enabled, and what it carries."""
        with self.store.read() as transaction:
            switch = transaction.switches.named(f"tor{nic + 1}")
        assert switch is not None
        state = self._driver(switch, {"1", "2", "3"}).read([f"{machine}"], _SOON)[f"{machine}"]
        return state.enabled, PortSetting(state.mode, state.untagged, state.tagged)

    def open_ports(self, machine: str = "m1") -> list[str]:
        """What the store says is open for a machine."""
        with self.store.read() as transaction:
            return sorted(map(str, transaction.ports.view(self.machine(machine)).opened))

    def fail(self, when: str) -> None:
        """Fail as a test has ordered, once for each order; None lets one move pass."""
        failure = self.failures.pop(0)[1] if self.failures and self.failures[0][0] == when else None
        if failure is not None:
            raise failure

    def bare(self, switch: ManagedSwitch) -> Switch:
        """A switch as people log in to it: without bounds, and nobody watches."""
        return FakeSwitch(switch.address, {"1", "2", "3", "48"}, self._notes, self._lock)

    def _driver(self, switch: ManagedSwitch, cabled: Collection[str]) -> Switch:
        if switch.name in self.deaf:
            raise self.deaf[switch.name]
        bounds = Bounds(frozenset(cabled), frozenset(switch.uplinks), VlanRanges.of({*switch.vlans, *switch.own_vlans}))
        return WatchedSwitch(self, GuardedSwitch(switch.name, self.bare(switch), bounds))

    def _drivers(self, machine: Machine) -> MachineDrivers:
        return MachineDrivers(self.chassis[machine.name], FakeTools(), FakeMedia())

    def _request(self, operation: Operation) -> InstanceRequest:
        with self.store.read() as transaction:
            instance = transaction.instances.get(operation.instance_id or "")
        assert instance is not None
        return parse_request(json.loads(self.vault.open(instance.sealed_payload)))


class Killed(BaseException):
    """The worker is killed here: nothing after it runs, and its lease stays."""
