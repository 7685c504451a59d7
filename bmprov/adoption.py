"""Which NIC of the machine carries which NIC of the instance.

By MAC where CloudStack issued one of ours, else by the tag that the instance asks for, else in order. Pure.
"""

from collections.abc import Sequence

from bmprov.errors import NoCapacity
from bmprov.model import Nic
from bmprov.payload import NicRequest


def adopt(wanted: Sequence[NicRequest], has: Sequence[Nic]) -> dict[str, Nic]:
    """The machine's NIC for each of the instance's, by `nicUuid`.

    Raises:
        NoCapacity: the machine has too few NICs, or none with a tag that is asked for.
    """
    free = {nic.mac: nic for nic in has}
    given = {one.nic_uuid: free.pop(one.mac) for one in wanted if one.mac in free}
    for one in sorted((one for one in wanted if one.nic_uuid not in given), key=lambda one: not one.tag):
        fitting = (nic for nic in free.values() if not one.tag or nic.tag == one.tag)
        nic = next(fitting, None)
        if nic is None:
            raise NoCapacity(f"the machine has no free NIC for NIC {one.position} of the instance", f"tag '{one.tag}'")
        given[one.nic_uuid] = free.pop(nic.mac)
    return given
