"""Tells of other DHCP servers on the provisioning network, which should have none but ours.

What they send to clients is overheard (`overhear`), and what clients say whom they chose comes to our port anyway. Each
server is told of once an hour: a warning in the log, and an event for the operator.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bmprov.errors import BmprovError
from bmprov.store import Store
from pxe.dhcp.packet import ANY, BadPacket, MessageType, Option, Packet, parse
from pxe.dhcp.policy import Answer, Ignored
from pxe.dhcp.terms import identifier_override

log = structlog.get_logger()

_AGAIN_S = 3600.0
_KEPT = 256
_ANSWERS = (MessageType.OFFER, MessageType.ACK)
_CHECK = "switch it off on this network, or set pxe.mode = 'proxy': machines take whichever answers first"


@dataclass(frozen=True)
class Overheard:
    """A DHCP answer that was not ours. `sender` and `mac` are of the frame."""

    payload: bytes
    sender: str
    mac: str


class Others:
    """Other servers, as two threads come to know of them. `ours` are the addresses of this service's servers."""

    def __init__(
        self, ours: Callable[[], frozenset[str]], store: Store, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ours = ours
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._told: OrderedDict[str, float] = OrderedDict()

    def overheard(self, frame: Overheard) -> None:
        """A server has answered a client."""
        try:
            packet = parse(frame.payload)
        except BadPacket:
            return
        server = str(packet.address(Option.SERVER_ID) or frame.sender)
        if packet.kind not in _ANSWERS or {server, frame.sender} & self._ours():
            return
        does = "tells what to boot" if packet.yiaddr == ANY else f"gives addresses such as {packet.yiaddr}"
        self._tell(server, f"{does}, seen from {frame.sender}", server_mac=frame.mac, client=packet.mac)

    def saw(self, asked: Packet, told: Answer | Ignored) -> None:
        """A client of ours may have chosen another server."""
        chosen = asked.address(Option.SERVER_ID)
        if asked.kind is not MessageType.REQUEST or told.wanted is None or chosen is None:
            return
        if str(chosen) not in self._ours() and chosen != identifier_override(asked):
            self._tell(str(chosen), f"was chosen by {told.wanted.machine}", client=asked.mac)

    def tick(self) -> None:
        """Nothing is due."""

    def _tell(self, server: str, does: str, *, client: str, server_mac: str = "") -> None:
        key, now = f"{server} {server_mac}", self._clock()
        with self._lock:
            if now < self._told.get(key, float("-inf")) + _AGAIN_S:
                return
            self._told[key] = now
            if len(self._told) > _KEPT:
                self._told.popitem(last=False)
        mac = server_mac or "not seen"
        log.warning(
            "another DHCP server is on this network", server=server, mac=mac, client=client, does=does, check=_CHECK
        )
        detail = f"DHCP server {server} (MAC {mac}) {does}; {_CHECK}"
        try:
            with self._store.write() as transaction:
                transaction.events.add("another DHCP server", actor="pxe dhcp", origin=server, detail=detail)
        except BmprovError as error:
            log.warning("the event of another DHCP server is not kept", error=str(error))
