"""The orders in words: what stands on the button, and what its confirmation says will happen."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bmprov.orders.rules import Order


@dataclass(frozen=True)
class OrderWords:
    """An order in words. `button` begins a sentence; `what` says what happens, `instance` what becomes of one."""

    button: str
    what: str
    instance: str = ""


WORDS: Mapping[Order, OrderWords] = MappingProxyType(
    {
        Order.ON: OrderWords("Power on", "The machine is switched on. It boots from its disk."),
        Order.SOFT_OFF: OrderWords(
            "Shut down",
            "Its operating system is asked to shut down. If it has not done so in time, the power is cut.",
            "It stops, and CloudStack will see it as stopped.",
        ),
        Order.CYCLE: OrderWords(
            "Restart",
            "Its operating system is asked to shut down, the power goes off and comes back.",
            "It is gone for some minutes, and starts again.",
        ),
        Order.OFF: OrderWords(
            "Power off",
            "The power is cut at once, as by pulling the plug. Nothing is saved.",
            "It dies at once, what it had not written is lost, and CloudStack will see it as stopped.",
        ),
        Order.RESET: OrderWords(
            "Reset",
            "The machine is restarted at once, as by its reset button. Nothing is saved.",
            "It dies at once, what it had not written is lost, and it starts again.",
        ),
        Order.CHECK: OrderWords(
            "Check",
            "Its BMC, login, power, boot device, sensors and NICs are looked at. Nothing is changed.",
            "It does not notice.",
        ),
        Order.INSPECT: OrderWords(
            "Inspect", "Its BMC is asked anew. After a success the machine is available for instances."
        ),
        Order.NETWORK_CHECK: OrderWords(
            "Check the network",
            "Its switch ports are compared with what they must carry. Nothing is changed.",
            "It does not notice.",
        ),
        Order.NETWORK_APPLY: OrderWords(
            "Set the network",
            "Its switch ports are set to what they must carry, whatever they carry now.",
            "Its network may be gone for some seconds.",
        ),
        Order.MARK_FIXED: OrderWords("Mark as fixed", "MAAS is told that this machine works again."),
        Order.RELEASE: OrderWords(
            "Release",
            "The machine is switched off, taken off its networks, and given back. What is under way is cancelled.",
            "It loses this machine for good, with all that is on its disks. CloudStack is not asked.",
        ),
        Order.REMOVE: OrderWords(
            "Remove", "bmprov forgets the machine, its BMC's password, its operations and its notes."
        ),
    }
)
