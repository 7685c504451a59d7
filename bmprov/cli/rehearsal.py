"""The simulated machines of a `bmprov up`: planned once, kept in `sim.yaml`, enrolled like real ones."""

import socket
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bmprov import tls
from bmprov.api.shapes.machine import MachineIn
from bmprov.cli.embedded import BMC_PORTS, free_ports
from bmprov.cli.folder import Folder
from bmprov.sim import hall
from bmprov.sim.cd import stand_in
from bmprov.sim.hall import BmcProtocol, MachinePlan
from bmprov.sim.pace import PACES as _PACES
from images.ramdisk import medium
from pxe.dhcp.policy import LOADERS
from pxe.loaders import loaders_in

PACES = tuple(_PACES)
"""How quick the machines may be."""

IMAGE = "demo"
"""The image that is in the catalogue of every `up`."""

_DEFAULT_PACE = "demo"


def prepare(folder: Folder, count: int | None, pace: str | None) -> None:
    """Bring the plan to `count` machines of this pace; None keeps what is there."""
    before = hall.load(folder.machines) if folder.machines.exists() else []
    plans = _plans(before, len(before) if count is None else count)
    if pace is not None:
        plans = [replace(one, pace=pace) for one in plans]
    if not plans:
        folder.machines.unlink(missing_ok=True)
    elif plans != before:
        hall.dump(plans, folder.machines)


def machines(folder: Folder) -> list[MachineIn]:
    """The simulated machines as they are enrolled."""
    plans = hall.load(folder.machines) if folder.machines.exists() else []
    trust = f"sha256:{tls.fingerprint(hall.certificate(folder.machines))}" if plans else ""
    return [_enrolled(one, trust) for one in plans]


def loaders(folder: Folder, configured: Path) -> Path:
    """The folder of loaders to serve: the configured one, or stand-ins when it has none and the machines are simulated.

    A simulated machine fetches its loader over TFTP and does not run it, so that Debian's package `ipxe` is not needed.
    """
    if loaders_in(configured) or not folder.machines.exists():
        return configured
    stand_ins = folder.root / "loaders"
    stand_ins.mkdir(exist_ok=True)
    for name in sorted(set(LOADERS.values())):
        (stand_ins / name).write_text(f"stands in for {name}, which the Debian package ipxe has\n")
    return stand_ins


def prepare_cd(folder: Folder, images: Path) -> None:
    """Lay a stand-in for the ramdisk's CD where the real one would be, if there is none and machines are simulated."""
    place = images / "ramdisk" / medium.NAME
    if folder.machines.exists() and not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(stand_in())


def _plans(before: Sequence[MachinePlan], count: int) -> list[MachinePlan]:
    plans = [*before[:count], *hall.plan(count, [0] * count, _DEFAULT_PACE)[len(before) :]]
    ipmi = [one for one in plans if one.bmc_protocol is BmcProtocol.IPMI]
    redfish = [one for one in plans if one.bmc_protocol is BmcProtocol.REDFISH]
    taken = {port for one in plans for port in (one.bmc_port, one.console_port)}
    udp = _free(socket.SOCK_DGRAM, sum(not one.bmc_port for one in ipmi), taken)
    tcp = _free(socket.SOCK_STREAM, sum((not one.bmc_port) + (not one.console_port) for one in redfish), taken)
    return [_reachable(one, udp, tcp) for one in plans]


def _free(kind: socket.SocketKind, count: int, taken: Collection[int]) -> Iterator[int]:
    """So many free ports that no machine has: their hall may be down just now."""
    return iter(free_ports(kind, count, [port for port in BMC_PORTS if port not in taken]))


def _reachable(one: MachinePlan, udp: Iterator[int], tcp: Iterator[int]) -> MachinePlan:
    """The machine with ports where it has none yet. A console's stays too, because bmprov remembers where one is."""
    if one.bmc_protocol is BmcProtocol.IPMI:
        return replace(one, bmc_port=one.bmc_port or next(udp))
    return replace(one, bmc_port=one.bmc_port or next(tcp), console_port=one.console_port or next(tcp))


def _enrolled(one: MachinePlan, trust: str) -> MachineIn:
    login = {"address": one.bmc_address, "user": one.user, "password": one.password}
    pinned = {"trust": trust} if one.bmc_protocol is BmcProtocol.REDFISH and one.bmc_tls else {}
    return MachineIn.model_validate(
        {
            "name": one.name,
            "bmc": login | pinned,
            "nics": [{"mac": mac, "netboot": place == 0} for place, mac in enumerate(one.macs)],
            "arch": one.arch,
            "boot_mode": one.boot_mode,
            "cpus": one.cpus,
            "memory_mib": one.memory_mib,
            "disk_gib": one.disk_gib,
            "tags": list(one.tags),
            "rack": one.rack,
            "rack_position": one.rack_position,
        }
    )
