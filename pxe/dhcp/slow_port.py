"""Tells of switch ports that take long to forward: STP without edge or portfast, LACP without fallback.

A port that does not forward yet loses what the machine sends, and nobody hears it. What is heard is the first request
after that, and in it the client says how long it has been asking (`secs`, RFC 2131, 2). That is evidence, as long as
this server was listening all the time and has heard nothing of that machine. How long its firmware took before is
none: servers take minutes. A client that says nothing, or that gave up and began anew, is not guessed about.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from pxe.dhcp.client import Client, client_of
from pxe.dhcp.packet import ANY, MessageType, Packet
from pxe.dhcp.policy import Answer, Ignored, Wanted

log = structlog.get_logger()

_LEAST_S = 7.0  # one or two lost requests happen to everybody
_MOST_S = 300.0  # more is nobody's patience, but a clock of another kind
_SLACK_S = 2.0
_ONE_BYTE = 0xFF
_IPXE_TRIES = 6
_KEPT = 10_000

REMEDY = "enable edge/portfast on the switch port (STP), or LACP fallback if it is in a bundle"
_RELAY = "; or the relay waits by itself: set its minimum of seconds to 0"


@dataclass(frozen=True)
class SlowPort:
    """What was seen: who asked, and for how long in vain."""

    wanted: Wanted
    mac: str
    client: Client
    lost_s: float
    remedy: str


class SlowPorts:
    """Watches the first requests of machines. `tell` is told of each operation once."""

    def __init__(self, tell: Callable[[SlowPort], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._since = clock()
        self._heard: OrderedDict[str, float] = OrderedDict()
        self._told: OrderedDict[str, None] = OrderedDict()

    def saw(self, asked: Packet, told: Answer | Ignored) -> None:
        """A request came in, and this became of it."""
        now = self._clock()
        before = self._heard.pop(asked.mac, self._since)
        self._heard[asked.mac] = now
        if len(self._heard) > _KEPT:
            _, self._since = self._heard.popitem(last=False)  # of whom is not known, nothing is known before that
        lost_s = asked_in_vain_s(asked)
        if not isinstance(told, Answer) or not isinstance(told.wanted, Wanted) or not _LEAST_S <= lost_s <= _MOST_S:
            return
        if now - before < lost_s + _SLACK_S or told.wanted.operation_id in self._told:
            return
        self._told[told.wanted.operation_id] = None
        if len(self._told) > _KEPT:
            self._told.popitem(last=False)
        remedy = REMEDY + (_RELAY if asked.giaddr != ANY else "")
        seen = SlowPort(told.wanted, asked.mac, client_of(asked), lost_s, remedy)
        about = {"machine": told.wanted.machine, "operation": told.wanted.operation_id, "mac": asked.mac}
        log.warning("the switch port forwards late", **about, client=seen.client, lost_s=lost_s, check=remedy)
        self._tell(seen)

    def tick(self) -> None:
        """Nothing is due."""


def asked_in_vain_s(asked: Packet) -> float:
    """For how long the client has been asking, as it says itself; 0 when it says nothing that is understood.

    iPXE has no seconds in `secs`: it counts its packets there, in fours (`dhcp_tx` in its net/udp/dhcp.c), and the
    lower bits are set once it has an offer. It waits 1 s after the first one, and twice as long after each.
    """
    if asked.kind is not MessageType.DISCOVER:
        return 0.0
    if client_of(asked) is Client.IPXE:
        tries, has_offer = asked.secs >> 2, asked.secs & 3
        return 0.0 if has_offer or not 0 < tries <= _IPXE_TRIES else 2.0 ** (tries - 1) - 1
    if asked.secs > _ONE_BYTE and not asked.secs & _ONE_BYTE:
        return float(asked.secs >> 8)  # some clients have the bytes in the wrong order
    return float(asked.secs)
