"""Which interface of a MAAS machine carries which NIC of the instance. Pure.

By MAC where CloudStack has one of ours (it has, after `prepare`), else by the tag that the instance asks for. Of what
is left the default NIC gets the interface that boots, and each other one an interface that is on its VLAN already, or
whose fabric has it; else the next in order.

On the interface that boots a VLAN is tagged: MAAS puts that one back onto the provisioning network's VLAN at every
network boot (`get_config` in src/maasserver/rpc/boot.py). What bmprov makes for it has the tag `bmprov`.
"""

from collections.abc import Callable, Sequence

from bmprov.errors import NoCapacity
from bmprov.maas import MaasMachine, MaasNic, MaasVlanNic
from bmprov.payload import NicRequest

VidsOf = Callable[[int], frozenset[int]]
"""The VLAN numbers (IEEE 802.1Q) of a fabric, by the fabric's id."""

OURS = "bmprov"
"""The tag of the VLAN interfaces that are ours to delete."""


def carriers(wanted: Sequence[NicRequest], has: Sequence[MaasNic], vids_of: VidsOf) -> dict[str, MaasNic]:
    """The interface for each of the instance's NICs, by `nicUuid`. `has` begins with the interface that boots.

    Raises:
        NoCapacity: the machine has too few interfaces, or none with a tag that is asked for.
    """
    free = {nic.mac: nic for nic in has}
    given = {one.nic_uuid: free.pop(one.mac) for one in wanted if one.mac in free}
    rest = [one for one in wanted if one.nic_uuid not in given]
    for one in sorted(rest, key=lambda one: (not one.tag, not one.is_default)):
        fitting = [nic for nic in free.values() if not one.tag or one.tag in nic.tags]
        if not fitting:
            raise NoCapacity(
                f"the machine has no free interface for NIC {one.position} of the instance",
                f"look at its interfaces in MAAS, for the tag '{one.tag}'" if one.tag else "it has fewer NICs",
            )
        chosen = fitting[0] if one.is_default or len(fitting) == 1 else _nearest(one, fitting, vids_of)
        given[one.nic_uuid] = free.pop(chosen.mac)
    return given


def tagged_on(nic: MaasNic, machine: MaasMachine) -> list[MaasVlanNic]:
    """Our VLAN interfaces on an interface."""
    return [one for one in machine.vlan_nics if one.parent == nic.name and OURS in one.tags]


def boots(nic: MaasNic, machine: MaasMachine) -> bool:
    """Whether the machine boots from it."""
    return nic.mac == machine.nics[0].mac


def _nearest(wanted: NicRequest, fitting: Sequence[MaasNic], vids_of: VidsOf) -> MaasNic:
    if wanted.vlan is None:
        return fitting[0]
    there = next((nic for nic in fitting if nic.vid == wanted.vlan), None)
    reaches = (nic for nic in fitting if nic.fabric_id is not None and wanted.vlan in vids_of(nic.fabric_id))
    return there or next(reaches, fitting[0])
