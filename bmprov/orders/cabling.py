"""The orders about cables: which NIC a person says is on which switch port, one by one or a whole file at once."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar

from bmprov.cabling import Source
from bmprov.errors import Invalid, NotFound, Refused
from bmprov.orders.cable_entry import NicPort, Patch, enter, enter_cable, nic_named, patch, refuse_moving
from bmprov.orders.desk import Caller, OrderDesk, named
from bmprov.orders.switches import switch_named

_SHOWN = 20

_A = TypeVar("_A")
_B = TypeVar("_B")


@dataclass(frozen=True)
class MachineCable:
    """One line of a cabling file."""

    machine: str
    cable: NicPort

    def __str__(self) -> str:
        return f"{self.machine} {self.cable.nic}"


@dataclass(frozen=True)
class Entered:
    """How many cables of a file were entered, and how many stood there just so and were left alone."""

    entered: int
    unchanged: int


class CablingOrders(OrderDesk):
    """Orders about cables."""

    def set_cable(self, machine_name: str, cable: NicPort, caller: Caller) -> None:
        """Enter a cable; what was heard before now does not speak against it any more.

        Raises:
            NotFound: there is no such machine, NIC or switch.
            Conflict: the port is another's, or the machine's ports are being moved.
            Invalid: it is no port that bmprov may set for this machine.
        """
        with self._store.write() as transaction:
            enter_cable(transaction, named(transaction, machine_name), cable, Source.HAND, caller)

    def set_cables(self, lines: Sequence[MachineCable], caller: Caller) -> Entered:
        """Enter all cables of a file, or none. One that stands there just so is left alone, with its time.

        So a file that is given again does not silence what was heard since.

        Raises:
            Invalid: a line is wrong; each wrong one is named.
        """
        with self._store.write() as transaction:
            transaction.one_at_a_time("switches")
            machine_of, switch_of = cache(partial(named, transaction)), cache(partial(switch_named, transaction))
            words = [f"cable {number} ({line})" for number, line in enumerate(lines, 1)]
            found = _each(
                zip(words, lines, strict=True),
                lambda line: patch(machine_of(line.machine), line.cable, switch_of),
            )
            _refuse_doubles(found)
            known = {cable.mac: cable for cable in transaction.cabling.entered()}
            new = [(word, one) for word, one in zip(words, found, strict=True) if not one.is_already(known)]
            for _, one in new:  # before any is entered: two NICs may change places
                transaction.cabling.take_back(one.nic.mac)
            _each(new, lambda one: enter(transaction, one, Source.FILE, caller))
            return Entered(len(new), len(lines) - len(new))

    def remove_cable(self, machine_name: str, nic: str, caller: Caller) -> None:
        """Forget all that was said about a NIC's cable; what is true is heard again when the machine boots.

        Raises:
            NotFound: there is no such machine or NIC, or nothing is known of its cable.
            Conflict: the machine's ports are being moved.
        """
        with self._store.write() as transaction:
            machine = named(transaction, machine_name)
            mac = nic_named(machine, nic).mac
            refuse_moving(transaction, machine)
            if not transaction.cabling.forget(mac):
                raise NotFound(
                    f"nothing is known of the cable of NIC {mac} of '{machine.name}'", "look with `bmprov cable list`"
                )
            self._audit(transaction, caller, "cable removed", machine, detail=f"NIC {mac}")


def _refuse_doubles(found: Sequence[Patch]) -> None:
    nics = Counter(f"NIC {one.nic.mac} of {one.machine.name}" for one in found)
    ports = Counter(f"port {one.place.port} of {one.place.switch.name}" for one in found)
    told = [f"{what} stands {count} times" for what, count in (nics + ports).items() if count > 1]
    if told:
        raise Invalid(_few(told), "each NIC has one cable, and each port; nothing was entered")


def _each(lines: Iterable[tuple[str, _A]], make: Callable[[_A], _B]) -> list[_B]:
    """What is made of each line, which comes with the words that name it.

    Raises:
        Invalid: it names each line of which nothing can be made.
    """
    made, wrong = list[_B](), list[str]()
    for words, line in lines:
        try:
            made.append(make(line))
        except Refused as error:
            wrong.append(f"{words}: {error}")
    if wrong:
        raise Invalid(_few(wrong), "nothing was entered")
    return made


def _few(told: Sequence[str]) -> str:
    more = len(told) - _SHOWN
    return "; ".join(told[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
