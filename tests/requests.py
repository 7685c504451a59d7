"""What a runner of a test is given that runs no flow which looks at what the instance asked for, or at switches."""

from collections.abc import Callable

from bmprov.cabling import ManagedSwitch
from bmprov.model import Machine, Operation
from bmprov.payload import InstanceRequest
from bmprov.store import Store
from bmprov.switch import Switch
from bmprov.vlan_map import VlanMap
from worker.ports import MachinePorts, PortMover


def no_request(operation: Operation) -> InstanceRequest:
    raise AssertionError(f"{operation.kind} asks what its instance wanted")


def no_ports(store: Store) -> Callable[[Machine], MachinePorts]:
    return PortMover(store, _no_switch, VlanMap()).of


def _no_switch(switch: ManagedSwitch, _cabled: object) -> Switch:
    raise AssertionError(f"somebody wants to log in to switch {switch.name}")
