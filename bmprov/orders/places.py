"""Where machines stand. No two fill one unit of a rack: who stands before it must find the machine that is meant."""

from bmprov.errors import Conflict, Invalid
from bmprov.model import BackEnd, Machine
from bmprov.place import Place, check_units
from bmprov.store import Transaction


def refuse_impossible(transaction: Transaction, machine: Machine, place: Place) -> None:
    """Whether a machine can stand there.

    Raises:
        Conflict: another machine does.
        Invalid: there is no such place, or it is MAAS that tells where the machine is.
    """
    check_units(place.rack, place.position, place.height_u)
    if machine.back_end is BackEnd.MAAS and (place.zone, place.pod) != (machine.zone, machine.pod):
        raise Invalid(
            f"the zone and the pod of machine '{machine.name}' are MAAS's", "change its zone or its pool there, in MAAS"
        )
    transaction.one_at_a_time("places")
    taken = transaction.places.taken(machine.site, place, machine.id)
    if taken is not None:
        name, where = taken
        raise Conflict(f"machine '{name}' is at {where}", "correct the unit, or move that machine first")
