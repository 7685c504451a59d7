"""Requests that wait for their answer, because a hall that is switched on at once asks faster than the store answers.

They wait here and not in their socket, which by Linux's default holds some 300 of them. A client that has waited for
seconds asks again: its first request is answered, and so both are. What has waited longest is answered first.
"""

import socket
from collections import OrderedDict
from dataclasses import dataclass

import structlog

from pxe.datagram import Datagram, receive
from pxe.dhcp.packet import BadPacket, Packet, parse

log = structlog.get_logger()

_ROOM = 4096
_Key = tuple[str, int, bytes, str, bool]


@dataclass(frozen=True)
class Request:
    """A request, and where it came in; `proxy_port` says that it was on port 4011."""

    asked: Packet
    came: Datagram
    bound: socket.socket
    proxy_port: bool


class Waiting:
    """The requests that wait. `repeated` counts those that were heard again meanwhile."""

    def __init__(self) -> None:
        self._requests: OrderedDict[_Key, Request] = OrderedDict()
        self.repeated = 0

    def __len__(self) -> int:
        return len(self._requests)

    def hear(self, bound: socket.socket, *, proxy_port: bool) -> None:
        """Take in all that has come to a socket, as long as there is room.

        Raises:
            OSError: the network told that something which was sent cannot be delivered.
        """
        while len(self._requests) < _ROOM and (came := receive(bound)):
            try:
                self._add(Request(parse(came.data), came, bound, proxy_port))
            except BadPacket as error:
                log.info("DHCP packet ignored", sender=came.sender[0], why=str(error))

    def first(self, most: int) -> list[Request]:
        """Those that have waited longest, which wait no more."""
        return [self._requests.popitem(last=False)[1] for _ in range(min(most, len(self._requests)))]

    def _add(self, request: Request) -> None:
        before = len(self._requests)
        self._requests.setdefault(_key(request), request)
        self.repeated += len(self._requests) == before


def _key(request: Request) -> _Key:
    """What is alike in a request that is sent again; through another relay it wants an answer of its own."""
    asked, kind = request.asked, bytes([request.asked.kind or 0])
    return asked.mac, asked.xid, kind, f"{request.came.sender} {asked.giaddr}", request.proxy_port
