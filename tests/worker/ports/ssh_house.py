"""The same house with real parts: two simulated switches over SSH, the drivers that a worker uses, and Valkey.

`tor1` is a Cisco, which changes line by line; `tor2` is a Juniper, which commits. After each thing that a worker does
every port is looked at, by what the hardware does.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bmprov.cabling import ManagedSwitch
from bmprov.deadline import Deadline
from bmprov.model import Operation
from bmprov.queue import JobQueue
from bmprov.switch import Change, Outcome, Plan, PortMode, PortSetting, PortState, Switch
from bmprov.vlans import VlanRanges
from tests.contract.switches import MODELS, simulated
from tests.sim_switch.device import Device
from tests.sim_switch.gate import Gate
from tests.sim_switch.ssh import SwitchServers
from tests.worker.ports.house import PROVISIONING, QUARANTINE, House
from worker.flows.ports import LIMIT_S
from worker.switches.choice import Switches

DIALECTS = {1: "cisco-ios", 2: "juniper-junos"}
PASSWORD, ENABLE = "correct horse", "battery staple"
_FACTORY, _TENANTS = 1, {1577, 1501}
_NEVER_BOOTS = 2


@dataclass(frozen=True)
class Hurried:
    """A switch that is given less time than a step has, so that a test need not wait for all of it."""

    switch: Switch
    patience_s: float

    def read(self, ports: Sequence[str], by: Deadline) -> Mapping[str, PortState]:
        return self.switch.read(ports, by.within(self.patience_s))

    def plan(self, changes: Sequence[Change], by: Deadline) -> Plan:
        return self.switch.plan(changes, by.within(self.patience_s))

    def apply(self, changes: Sequence[Change], by: Deadline, *, save: bool = False) -> Outcome:
        assert by.remaining_s <= LIMIT_S, "a session must not outlast its step"
        return self.switch.apply(changes, by.within(self.patience_s), save=save)


class SshHouse(House):
    """Machines of two NICs on two switches, whose `devices` may be hurt; `gates` lie before them."""

    def __init__(self, folder: Path, servers: SwitchServers, valkey: str, machines: int = 2) -> None:
        self.machines = machines
        self.patience_s = 30.0
        self.devices = dict[int, Device]()
        self.gates = dict[int, Gate]()
        for number, dialect in DIALECTS.items():
            stand = simulated(dialect, servers, machines + 2)
            stand.device.password, stand.device.enable_password = PASSWORD, ENABLE
            self.devices[number] = stand.device
            self.gates[number] = Gate(servers, int(stand.login.address.rpartition(":")[2]))
        self.queue = JobQueue(valkey, "w1")
        super().__init__(folder, machines)
        self._switches = Switches(self.vault, self.queue)

    def interface(self, switch: int, machine: int) -> str:
        return MODELS[DIALECTS[switch]][1].format(machine)

    def switch(self, number: int) -> ManagedSwitch:
        name, vlans = f"tor{number}", VlanRanges.parse("1500-1599")
        address = f"{DIALECTS[number]}://127.0.0.1:{self.gates[number].port}"
        password, enable = self.vault.seal(PASSWORD.encode()), self.vault.seal(ENABLE.encode())
        uplink = self.interface(number, self.machines + 2)
        return ManagedSwitch(
            name,
            name,
            address,
            "admin",
            password,
            enable,
            PROVISIONING,
            QUARANTINE,
            vlans,
            (uplink,),
        )

    def advance(self, operation: Operation) -> Operation:
        after = super().advance(operation)
        self.look_at_ports()
        return after

    def look_at_ports(self) -> None:
        """Assert that no port is where it must never be."""
        for number, device in self.devices.items():
            for machine in range(1, self.machines + 1):
                port = self.interface(number, machine)
                enabled, vlan, tagged, _ = device.port(port)
                assert not tagged
                assert vlan in {_FACTORY, PROVISIONING, QUARANTINE, *_TENANTS}, f"nobody ordered VLAN {vlan} of {port}"
                assert not (enabled and vlan == PROVISIONING and number == _NEVER_BOOTS)
            for spare in (self.machines + 1, self.machines + 2):
                port = self.interface(number, spare)
                assert device.port(port)[:2] == (True, _FACTORY), f"{port} is nobody's to touch"

    def port(self, machine: int, nic: int = 0) -> tuple[bool, PortSetting]:
        enabled, vlan, tagged, _ = self.devices[nic + 1].port(self.interface(nic + 1, machine))
        return enabled, PortSetting(PortMode.ACCESS, vlan, tagged)

    def _driver(self, switch: ManagedSwitch, cabled: Collection[str]) -> Switch:
        return Hurried(self._switches.of(switch, cabled), self.patience_s)
