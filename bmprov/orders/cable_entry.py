"""Entering a cable, inside a transaction that may do more: what makes no sense for a NIC and a port is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bmprov.cabling import Cable, ManagedSwitch, PortPlace, Source
from bmprov.errors import Conflict, Invalid, NotFound
from bmprov.lifecycle import Kind
from bmprov.model import BackEnd, Machine, Nic
from bmprov.orders.desk import Caller
from bmprov.orders.switches import switch_named
from bmprov.port_names import checked_port
from bmprov.store import Transaction


@dataclass(frozen=True)
class NicPort:
    """A port as a person tells it, for the NIC with this MAC, or at this position."""

    nic: str
    switch: str
    port: str
    aggregate: str = ""


@dataclass(frozen=True)
class Patch:
    """The same, once NIC and port are found to be ours."""

    machine: Machine
    nic: Nic
    place: PortPlace

    def is_already(self, known: Mapping[str, Cable]) -> bool:
        """Whether it is among the cables that are entered, by MAC, just so."""
        cable, mine = known.get(self.nic.mac), (self.place.switch.id, self.place.port, self.place.aggregate)
        return cable is not None and (cable.switch_id, cable.port, cable.aggregate) == mine


def enter_cable(transaction: Transaction, machine: Machine, told: NicPort, source: Source, caller: Caller) -> None:
    """Enter a cable.

    Raises:
        NotFound: there is no such NIC or switch.
        Conflict: the port is another's, or the machine's ports are being moved.
        Invalid: it is no port that bmprov may set for this machine.
    """
    transaction.one_at_a_time("switches")
    found = patch(machine, told, lambda name: switch_named(transaction, name))
    enter(transaction, found, source, caller)


def nic_named(machine: Machine, name: str) -> Nic:
    """The NIC of a machine with this MAC, or at this position.

    Raises:
        NotFound: it has none.
    """
    for nic in machine.nics:
        if name.lower() in (nic.mac, str(nic.position)):
            return nic
    there = ", ".join(f"{nic.position} is {nic.mac}" for nic in machine.nics) or "it has none"
    raise NotFound(f"machine '{machine.name}' has no NIC '{name}'", f"of its NICs {there}")


def patch(machine: Machine, told: NicPort, switch_of: Callable[[str], ManagedSwitch]) -> Patch:
    """What was told, when it makes sense by itself. Raises as `enter_cable` does."""
    nic, switch = nic_named(machine, told.nic), switch_of(told.switch)
    port = checked_port(switch.dialect, told.port)
    aggregate = checked_port(switch.dialect, told.aggregate) if told.aggregate else ""
    if port == aggregate:
        raise Invalid(f"port {port} cannot be its own aggregate", "an aggregate is the interface that ports belong to")
    if machine.back_end is BackEnd.MAAS:
        raise Invalid(
            f"machine '{machine.name}' is a MAAS's, whose switch ports bmprov does not set", "cable it in MAAS"
        )
    if switch.site != machine.site:
        raise Invalid(
            f"machine '{machine.name}' is at site {machine.site}, switch '{switch.name}' at {switch.site}",
            "a site's workers set the switches of their own site",
        )
    for name in {port, aggregate} & set(switch.uplinks):
        raise Invalid(f"{name} is an uplink of switch '{switch.name}'", f"see `bmprov switch show {switch.name}`")
    return Patch(machine, nic, PortPlace(switch, port, aggregate))


def enter(transaction: Transaction, found: Patch, source: Source, caller: Caller) -> None:
    """Write it down, when it goes with what others have. Raises as `enter_cable` does."""
    refuse_moving(transaction, found.machine)
    place, mac = found.place, found.nic.mac
    for other in transaction.cabling.sharing(place):
        if other.mac != mac:
            _refuse_shared(transaction, found, other)
    transaction.cabling.enter(Cable(mac, place.switch.id, place.port, place.aggregate, source, caller.name))
    transaction.events.add(
        "cable", actor=caller.name, origin=caller.origin, machine=found.machine.name, detail=f"NIC {mac}: {place}"
    )


def _refuse_shared(transaction: Transaction, found: Patch, other: Cable) -> None:
    """An aggregate is one machine's, and is no port that a cable is in."""
    place = found.place
    if place.port == other.aggregate or (place.aggregate and place.aggregate == other.port):
        raise Conflict(
            f"{other.aggregate if place.port == other.aggregate else other.port} of switch '{place.switch.name}' is"
            " entered as a port and as an aggregate",
            "an aggregate is the interface that ports belong to, such as Port-channel7",
        )
    if place.aggregate and place.aggregate == other.aggregate:
        owner = transaction.machines.with_mac(other.mac)
        if owner is not None and owner.id != found.machine.id:
            raise Conflict(
                f"aggregate {place.aggregate} of switch '{place.switch.name}' is {owner.name}'s",
                "an aggregate joins NICs of one machine",
            )


def refuse_moving(transaction: Transaction, machine: Machine) -> None:
    """Nobody changes what a flow has begun to go by. Those who enrol a machine need not wait for its inspection.

    Raises:
        Conflict: something is being done to the machine that its ports may move with.
    """
    operation = transaction.operations.unfinished_of(machine.id)
    if operation is not None and operation.kind is not Kind.INSPECT:
        raise Conflict(
            f"the ports of machine '{machine.name}' may be moving with its {operation.action or operation.kind}",
            f"wait for its end: `bmprov operation show {operation.id}`",
        )
