"""What became of the loader that a firmware was given, as far as DHCP sees it, and whose fault it is likely to be.

A firmware with Secure Boot drops iPXE without a word to us, and may then be busy with its other boot entries for
minutes. Through shim and GRUB no script is fetched by HTTP, so that a loop of boots shows here alone. In memory: this
is no truth, and losing it costs a few more rounds.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from pxe.boot_loop import LIMIT, too_many
from pxe.dhcp.client import Client, client_of
from pxe.dhcp.packet import MessageType, Packet
from pxe.dhcp.policy import Answer, Ignored, Wanted

log = structlog.get_logger()

_KEPT_OPERATIONS = 1000
_NO_FIRMWARE = (Client.IPXE, Client.SYSTEM)
_IPXE_S, _RAMDISK_S = 30.0, 300.0  # iPXE asks DHCP as soon as it runs; through GRUB the ramdisk is the next to ask


@dataclass
class _Seen:
    wanted: Wanted
    boots: set[int] = field(default_factory=set)  # by transaction id: a firmware sends one request several times
    given_at: float | None = None  # a loader of which nothing was heard since


class Boots:
    """Watches the answers of one DHCP server. `end` ends an operation, by its id, with a reason."""

    def __init__(self, end: Callable[[str, str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._end = end
        self._clock = clock
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def saw(self, asked: Packet, told: Answer | Ignored) -> None:
        """An answer was sent, or none."""
        wanted = told.wanted
        if not isinstance(told, Answer) or not isinstance(wanted, Wanted) or told.packet.kind is not MessageType.ACK:
            return
        seen = self._of(wanted)
        if client_of(asked) in _NO_FIRMWARE:
            seen.given_at = None
        elif asked.xid not in seen.boots:
            seen.boots.add(asked.xid)
            self._began(seen)

    def tick(self) -> None:
        """Look whose loader has not been heard of for too long."""
        now = self._clock()
        for seen in self._seen.values():
            patience_s = _RAMDISK_S if seen.wanted.secure_boot else _IPXE_S
            if seen.given_at is not None and now > seen.given_at + patience_s:
                seen.given_at = None
                _warn(seen.wanted, f"nothing was heard of it for {patience_s:g} s")

    def _began(self, seen: _Seen) -> None:
        if seen.given_at is not None:
            _warn(seen.wanted, "the firmware is back")
        seen.given_at = self._clock()
        if seen.wanted.secure_boot and len(seen.boots) > LIMIT:
            self._end(seen.wanted.operation_id, too_many(len(seen.boots)))

    def _of(self, wanted: Wanted) -> _Seen:
        seen = self._seen.setdefault(wanted.operation_id, _Seen(wanted))
        seen.wanted = wanted
        self._seen.move_to_end(wanted.operation_id)
        if len(self._seen) > _KEPT_OPERATIONS:
            self._seen.popitem(last=False)
        return seen


def _warn(wanted: Wanted, why: str) -> None:
    log.warning(
        "the firmware did not start the loader that it was given",
        machine=wanted.machine,
        operation=wanted.operation_id,
        why=why,
        check="see whether TFTP (UDP port 69 and the ports of its answers) gets through, and look at its console"
        if wanted.secure_boot
        else f"if its firmware has Secure Boot: bmprov machine set {wanted.machine} --secure-boot; else look at TFTP",
    )
