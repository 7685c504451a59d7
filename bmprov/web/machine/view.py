"""A machine as its page shows it. Pure: what is stored goes in, what stands on the page comes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bmprov.hardware import Console, ConsoleKind
from bmprov.model import AuditEvent, BackEnd, Image, Instance, Machine, Operation
from bmprov.orders import Connections
from bmprov.orders.rules import Order, cuts_off, possible
from bmprov.place import unit_words
from bmprov.power import Power
from bmprov.truth import FRESHNESS_S
from bmprov.web.machine.words import WORDS, OrderWords


@dataclass(frozen=True)
class PowerShown:
    """The power as it can be told now. `doubt` is why it cannot, and `check` what to look at then."""

    power: Power
    last: Power
    read_at: float | None
    doubt: str = ""
    check: str = ""


@dataclass(frozen=True)
class Button:
    """An order that may be given now."""

    order: Order
    words: OrderWords
    dangerous: bool
    admin: bool


@dataclass(frozen=True)
class Disk:
    """A disk as the ramdisk found it."""

    name: str
    size_bytes: int
    kind: str
    model: str
    serial: str


@dataclass(frozen=True)
class Hardware:
    """What a ramdisk has told of the machine, and when. `links` are the NICs that have a carrier, by MAC."""

    at: float | None = None
    maker: str = ""
    model: str = ""
    serial: str = ""
    cpus: int = 0
    memory_mib: int = 0
    disks: tuple[Disk, ...] = ()
    links: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class MachineShown:
    """All that the page shows of a machine."""

    machine: Machine
    power: PowerShown
    running: Operation | None
    progress: tuple[int, int] | None
    buttons: Sequence[Button]
    hardware: Hardware
    connections: Connections
    console: str
    instance: Instance | None
    image: Image | None
    operations: Sequence[Operation]
    events: Sequence[AuditEvent]

    @property
    def place(self) -> str:
        """Where it stands, as words."""
        machine = self.machine
        site = machine.site if machine.site != "default" else ""
        units = unit_words(machine.rack_position, machine.height_u)
        return " / ".join(filter(None, (site, machine.zone, machine.pod, machine.rack, units)))

    @property
    def is_of_maas(self) -> bool:
        """Whether a MAAS region has it."""
        return self.machine.back_end is BackEnd.MAAS


def power_shown(machine: Machine, now: float) -> PowerShown:
    """The power, unless the last reading is too old to be believed."""
    reading = machine.reading
    check = "the BMC's cable, its VLAN, its address and its password" if reading.error else ""
    if reading.read_at is None:
        return PowerShown(Power.UNKNOWN, Power.UNKNOWN, None, reading.error or "its BMC was never read", check)
    if now - reading.read_at > FRESHNESS_S:
        doubt = reading.error or f"the last reading is over {FRESHNESS_S:.0f} s old, and the sweep brings no new one"
        return PowerShown(Power.UNKNOWN, reading.power, reading.read_at, doubt, check or "whether bmprov watch runs")
    return PowerShown(reading.power, reading.power, reading.read_at, reading.error, check)


def buttons(machine: Machine, running: Operation | None, *, has_switches: bool) -> list[Button]:
    """What may be ordered now, in the order in which it stands on the page."""
    return [
        Button(order, WORDS[order], cuts_off(order, machine) or order is Order.REMOVE, admin=order is Order.REMOVE)
        for order in Order
        if possible(order, machine, running, has_switches=has_switches)
    ]


def hardware(told: tuple[Mapping[str, Any], float] | None) -> Hardware:
    """An inventory (`docs/ramdisk-api.md`) as it is shown."""
    if told is None:
        return Hardware()
    inventory, at = told
    dmi = inventory.get("dmi") or {}
    return Hardware(
        at=at,
        maker=dmi.get("sys_vendor", ""),
        model=dmi.get("product_name", ""),
        serial=dmi.get("product_serial", ""),
        cpus=inventory.get("cpus", 0),
        memory_mib=inventory.get("memory_mib", 0),
        disks=tuple(_disk(disk) for disk in inventory.get("disks", ())),
        links={nic["mac"]: nic["link"] for nic in inventory.get("nics", ()) if nic.get("link") is not None},
    )


def _disk(told: Mapping[str, Any]) -> Disk:
    kind = {None: "", True: "hard disk", False: "flash"}[told.get("rotational")]
    return Disk(told["name"], told["size_bytes"], kind, told.get("model", ""), told.get("serial", ""))


def console_words(known: Console | None) -> str:
    """What kind of console opens; empty when there is none."""
    if known is None:
        return "serial, if its BMC has one"
    return {ConsoleKind.NONE: "", ConsoleKind.GRAPHICAL: "the BMC's own page"}.get(known.kind, "serial")
