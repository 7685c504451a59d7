"""Whether an instance can have a machine: its image can run there, and its networks reach it. Pure.

Said before anything is switched on: a machine that has been written and does not boot costs a deployment and a visit.
"""

from bmprov.errors import Refused
from bmprov.model import BackEnd, Image, Machine
from bmprov.payload import InstanceRequest
from bmprov.port_orders import PortView, tenants
from bmprov.vlan_map import VlanMap

_GIB = 2**30


def unfit(
    image: Image | None, machine: Machine, series: str | None = None, *, imposes: bool = False
) -> tuple[str, ...]:
    """Why `image` cannot run on `machine`, in words; empty when it can, or when nobody knows.

    A MAAS machine gets MAAS's image, the release `series`, and never one of the catalogue; and it has its own MACs, so
    that no instance gets it that imposes CloudStack's.
    """
    if machine.back_end is BackEnd.MAAS:
        reasons = ["the machine is MAAS's, and the details name no `distro_series`"] if image and not series else []
        return (*reasons, *["the machine is MAAS's, which imposes no MAC: leave `mac=impose` out"] * imposes)
    if image is None:
        return ("the machine is not MAAS's, and the details name no `image`",) if series else ()
    named = f"image '{image.name}'"
    reasons = []
    if image.arch and image.arch is not machine.arch:
        reasons.append(f"{named} is for {image.arch} and the machine is {machine.arch}")
    if image.boot_modes is not None and machine.boot_mode not in image.boot_modes:
        can = f"boots by {' and '.join(image.boot_modes)} only" if image.boot_modes else "has nothing that boots"
        reasons.append(f"{named} {can} and the machine boots by {machine.boot_mode}")
    if machine.disk_gib and image.min_disk_bytes > machine.disk_gib * _GIB:
        wanted = f"{image.min_disk_bytes / _GIB:.1f} GiB ({image.min_disk_bytes} bytes)"
        reasons.append(f"{named} needs a disk of {wanted} and the machine's has {machine.disk_gib} GiB")
    return tuple(reasons)


def unconnected(machine: Machine, view: PortView, request: InstanceRequest, vlan_map: VlanMap) -> tuple[str, ...]:
    """Why a machine's switch ports cannot carry the instance's networks; empty when they can, or are not known yet."""
    if not view.managed:
        return ()
    try:
        tenants(machine, view, request, vlan_map)
    except Refused as refusal:
        return (str(refusal),)
    return ()
