"""Which machine an instance gets: what it needs, what a machine lacks, and which fit is best.

Best fit is the smallest machine that lacks nothing. Pure: the store walks the machines in the order of `size`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bmprov.carrier import carriers
from bmprov.errors import NoCapacity
from bmprov.maas import place_of
from bmprov.model import Arch, BackEnd, BootMode, Machine


@dataclass(frozen=True)
class Need:
    """What an instance asks of a machine. Figures are minima; None and empty mean that anything will do.

    `system_id` is MAAS's name of a machine of its own; `regions` are the MAAS regions whose machines may be taken,
    all of them when it is None.
    """

    cpus: int = 0
    memory_mib: int = 0
    disk_gib: int = 0
    nics: int = 0
    arch: Arch | None = None
    boot_mode: BootMode | None = None
    tags: tuple[str, ...] = ()
    nic_tags: tuple[str, ...] = ()
    zone: str = ""
    pod: str = ""
    rack: str = ""
    machine: str = ""
    not_tags: tuple[str, ...] = ()
    system_id: str = ""
    back_end: BackEnd | None = None
    regions: tuple[str, ...] | None = None

    def __str__(self) -> str:
        """What is asked for, as an operator would say it."""
        minima = [
            (self.cpus, "cpus"),
            (self.memory_mib, "MiB of memory"),
            (self.disk_gib, "GiB of disk"),
            (self.nics, "NICs"),
        ]
        words = [f"{figure} {unit}" for figure, unit in minima if figure]
        words += [str(word) for word in (self.arch, self.boot_mode) if word]
        words += [f"of back end {self.back_end}"] if self.back_end else []
        words += [f"in MAAS region {' or '.join(self.regions)}"] if self.regions and self.back_end else []
        tags = [("tags", self.tags), ("without the tags", self.not_tags), ("NIC tags", self.nic_tags)]
        places = [("zone", self.zone), ("pod", self.pod), ("rack", self.rack)]
        names = [*places, ("machine", self.machine), ("MAAS system id", self.system_id)]
        words += [f"{name} {','.join(values)}" for name, values in tags if values]
        words += [f"{name} {value}" for name, value in names if value]
        return ", ".join(words) or "any machine"


def size(machine: Machine) -> tuple[int, int, int, str]:
    """The order of best fit: fewest cpus, then memory, then disk; the name makes it stable."""
    return (machine.cpus, machine.memory_mib, machine.disk_gib, machine.name)


def lacks(machine: Machine, need: Need) -> tuple[str, ...]:
    """What `machine` lacks for `need`, in words; empty when it fits."""
    carry = len(carriers(machine.nics))
    too_small = [
        f"{has} of {wanted} {unit}"
        for has, wanted, unit in (
            (machine.cpus, need.cpus, "cpus"),
            (machine.memory_mib, need.memory_mib, "MiB of memory"),
            (machine.disk_gib, need.disk_gib, "GiB of disk"),
            (carry, need.nics, "NICs" if carry == len(machine.nics) else "NICs, each bond counted as one"),
        )
        if has < wanted
    ]
    differs = [
        f"{name} {has or 'none'} instead of {wanted}"
        for name, has, wanted in (
            ("architecture", machine.arch, need.arch),
            ("boot mode", machine.boot_mode, None if machine.back_end is BackEnd.MAAS else need.boot_mode),
            ("zone", machine.zone, need.zone),
            ("pod", machine.pod, need.pod),
            ("rack", machine.rack, need.rack),
            ("name", machine.name, need.machine),
            ("MAAS system id", _place(machine)[1], need.system_id),
            ("back end", machine.back_end, need.back_end),
        )
        if wanted and has != wanted
    ]
    missing = [f"tag {tag} missing" for tag in need.tags if tag not in machine.tags]
    missing += [f"tag {tag} is not wanted" for tag in need.not_tags if tag in machine.tags]
    nic_tags = {nic.tag for nic in machine.nics}
    missing += [f"NIC with tag {tag} missing" for tag in need.nic_tags if tag not in nic_tags]
    missing += [] if _may_be_had(machine, need) else [f"MAAS region {_place(machine)[0]}, which was not asked for"]
    return (*too_small, *differs, *missing)


def _place(machine: Machine) -> tuple[str, str]:
    """A MAAS machine's region, and its name there; of others nothing."""
    return place_of(machine.bmc.address) or ("", "")


def _may_be_had(machine: Machine, need: Need) -> bool:
    region, _ = _place(machine)
    return not region or need.regions is None or region in need.regions


def no_capacity(need: Need, free: Iterable[Machine]) -> NoCapacity:
    """The refusal: what was asked for, and what the nearest free machine lacks."""
    machines = list(free)
    had = [machine for machine in machines if _may_be_had(machine, need)]
    nearest = min(had, key=lambda machine: (len(lacks(machine, need)), size(machine)), default=None)
    asked = f"no free machine for {need}"
    if nearest is None:
        more = "; MAAS's go to those who ask for them, as with the detail `backend=maas`" if machines else ""
        where = "look for machines in error or maintenance, or enrol more"
        return NoCapacity(asked, f"no machine is available at all; {where}{more}")
    lacking = "; ".join(lacks(nearest, need))
    return NoCapacity(asked, f"the nearest, {nearest.name}, has {lacking}")
