"""Which NIC, or bond, of the machine carries which NIC of the instance.

By MAC where CloudStack issued one of ours, else by the tag that the instance asks for, else in order. Pure.
"""

from collections.abc import Sequence

from bmprov.carrier import Carrier, carriers
from bmprov.errors import NoCapacity
from bmprov.model import Nic
from bmprov.payload import NicRequest


def adopt(wanted: Sequence[NicRequest], has: Sequence[Nic]) -> dict[str, Carrier]:
    """What carries each of the instance's NICs on a machine with the NICs `has`, by `nicUuid`.

    Raises:
        NoCapacity: the machine has too few of them, or none with a tag that is asked for.
    """
    free = carriers(has)
    given: dict[str, Carrier] = {}
    for one in wanted:
        known = next((carrier for carrier in free if one.mac in carrier.macs), None)
        if known is not None:
            given[one.nic_uuid] = known
            free.remove(known)
    for one in sorted((one for one in wanted if one.nic_uuid not in given), key=lambda one: not one.tag):
        carrier = next((carrier for carrier in free if not one.tag or one.tag in carrier.tags), None)
        if carrier is None:
            raise NoCapacity(f"the machine has no free NIC for NIC {one.position} of the instance", f"tag '{one.tag}'")
        given[one.nic_uuid] = carrier
        free.remove(carrier)
    return given
