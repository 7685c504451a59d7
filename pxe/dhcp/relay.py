"""Keeps where relays, and switches that look into DHCP, say that our machines are (option 82, RFC 3046).

It is evidence for cabling, with its time, and no more: what the option says is the maker's own. Only NICs of machines
of ours are written down, and each only when something has changed, or an hour later, because a machine asks often.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

import structlog

from bmprov.cabling import RelaySighting
from bmprov.errors import BmprovError
from bmprov.store import Store
from pxe.dhcp.packet import ANY, Packet
from pxe.dhcp.policy import Answer, Ignored

log = structlog.get_logger()

_CIRCUIT_ID, _REMOTE_ID = 1, 2
_AGAIN_S = 3600.0
_KEPT = 10_000


class RelayBook:
    """Writes what relays tell into the store."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._written: OrderedDict[str, tuple[RelaySighting, float]] = OrderedDict()

    def saw(self, asked: Packet, told: Answer | Ignored) -> None:
        """Note where one of our machines is."""
        seen = sighting(asked)
        if seen is None or told.wanted is None:
            return
        before, at = self._written.get(asked.mac, (None, 0.0))
        if seen == before and self._clock() < at + _AGAIN_S:
            return
        try:
            with self._store.write() as transaction:
                transaction.sightings.keep(seen)
        except BmprovError as error:
            log.warning("what a relay says of a machine is not kept", mac=asked.mac, error=str(error))
            return
        self._written[asked.mac] = (seen, self._clock())
        if len(self._written) > _KEPT:
            self._written.popitem(last=False)
        where = {"relay": seen.relay, "circuit_id": seen.circuit_id, "remote_id": seen.remote_id}
        log.info("a relay tells where a machine is", machine=told.wanted.machine, mac=asked.mac, **where)

    def tick(self) -> None:
        """Nothing is due."""


def sighting(asked: Packet) -> RelaySighting | None:
    """What option 82 says; None when it names no port and no switch."""
    circuit, remote = (asked.relay_told.get(kind, b"") for kind in (_CIRCUIT_ID, _REMOTE_ID))
    if not circuit and not remote:
        return None
    relay = "" if asked.giaddr == ANY else str(asked.giaddr)
    return RelaySighting(asked.mac, relay, _words(circuit), _words(remote))


def _words(told: bytes) -> str:
    """Text when it is text, as some makers write `Gi1/0/7`; else its bytes, as others write VLAN and port."""
    text = told.decode("ascii", "replace")
    return text if text.isprintable() and text.isascii() else f"0x{told.hex()}"
