"""What became of the loader that a firmware was given, as far as DHCP sees it, and whose fault it is likely to be.

A firmware with Secure Boot drops iPXE without a word to us and asks on. Through shim and GRUB no script is fetched by
HTTP, so that a loop of boots shows here alone. In memory: this is no truth, and losing it costs a few more rounds.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from pxe.boot_loop import LIMIT, too_many
from pxe.dhcp.client import Client, client_of
from pxe.dhcp.packet import MessageType, Packet
from pxe.dhcp.policy import Answer, Wanted

log = structlog.get_logger()

_KEPT_OPERATIONS = 1000
_NO_FIRMWARE = (Client.IPXE, Client.SYSTEM)


@dataclass
class _Seen:
    boots: set[int] = field(default_factory=set)  # by transaction id: a firmware sends one request several times
    went_on: bool = True


class Boots:
    """Watches the answers of one DHCP server. `end` ends an operation, by its id, with a reason."""

    def __init__(self, end: Callable[[str, str], None]) -> None:
        self._end = end
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def watch(self, asked: Packet, answer: Answer) -> None:
        """An answer was sent."""
        wanted = answer.wanted
        if not isinstance(wanted, Wanted) or answer.packet.kind is not MessageType.ACK:
            return
        seen = self._of(wanted.operation_id)
        if client_of(asked) in _NO_FIRMWARE:
            seen.went_on = True
        elif asked.xid not in seen.boots:
            seen.boots.add(asked.xid)
            self._began(wanted, seen)

    def _began(self, wanted: Wanted, seen: _Seen) -> None:
        if not seen.went_on:
            log.warning(
                "the firmware is back: it did not start the loader that it was given",
                machine=wanted.machine,
                operation=wanted.operation_id,
                check="see whether TFTP (UDP port 69 and the ports of its answers) gets through"
                if wanted.secure_boot
                else f"if its firmware has Secure Boot: bmprov machine set {wanted.machine} --secure-boot",
            )
        seen.went_on = False
        if wanted.secure_boot and len(seen.boots) > LIMIT:
            self._end(wanted.operation_id, too_many(len(seen.boots)))

    def _of(self, operation_id: str) -> _Seen:
        seen = self._seen.setdefault(operation_id, _Seen())
        self._seen.move_to_end(operation_id)
        if len(self._seen) > _KEPT_OPERATIONS:
            self._seen.popitem(last=False)
        return seen
