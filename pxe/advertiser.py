"""Answers router solicitations of our machines, beside the DHCP server (router_advertisement.py).

It needs CAP_NET_RAW and IPv6 on the provisioning network's card. Without them nothing is lost but 13 s in each boot, so
that is a warning and not an error.
"""

import fcntl
import selectors
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import closing

import structlog

from bmprov.errors import BmprovError
from pxe.router_advertisement import SOLICITATION, no_router, parse

log = structlog.get_logger()

_FILTER = 1  # ICMP6_FILTER, linux/icmpv6.h: a bit that is set blocks that type
_GET_ADDRESS = 0x8915  # SIOCGIFADDR, netdevice(7)
_REQUEST = struct.Struct("16s4x4s16x")
_ALL_ROUTERS = socket.inet_pton(socket.AF_INET6, "ff02::2")
_HOP_LIMIT = 255  # RFC 4861, 6.1.1 and 6.1.2: proves that no router has passed it on
_LOOK_UP_S = 0.2
_LARGEST = 2048


def card_of(address: str) -> str:
    """The network card that has this IPv4 address; empty when none has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                told = fcntl.ioctl(probe, _GET_ADDRESS, _REQUEST.pack(name.encode(), bytes(4)))
            except OSError:
                continue  # a card without an IPv4 address
            if socket.inet_ntoa(told[20:24]) == address:
                return name
    return ""


def run(card: str, is_served: Callable[[str], bool], stopping: threading.Event) -> None:
    """Answer until `stopping` is set; `is_served` says whether a MAC is to be answered."""
    try:
        bound = _bind(card)
    except OSError as error:
        check = "iPXE will wait 13 s in each boot: look whether it has IPv6, and bmprov CAP_NET_RAW"
        log.warning("router solicitations are not answered", card=card, why=error.strerror, check=check)
        return
    with closing(bound), selectors.DefaultSelector() as selector:
        selector.register(bound, selectors.EVENT_READ)
        log.info("router solicitations are answered", card=card)
        while not stopping.is_set():
            if selector.select(_LOOK_UP_S):
                _serve(bound, is_served)


def _bind(card: str) -> socket.socket:
    """A raw socket that hears the solicitations on one card."""
    bound = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.IPPROTO_ICMPV6, _FILTER, _all_but(SOLICITATION))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, card.encode())
        group = _ALL_ROUTERS + struct.pack("@I", socket.if_nametoindex(card))
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, _HOP_LIMIT)
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    except OSError:
        bound.close()
        raise
    return bound


def _all_but(kind: int) -> bytes:
    """A filter that lets one type pass."""
    words = [2**32 - 1] * 8
    words[kind // 32] &= ~(1 << kind % 32)
    return struct.pack("@8I", *words)


def _serve(bound: socket.socket, is_served: Callable[[str], bool]) -> None:
    try:
        data, told, _, sender = bound.recvmsg(_LARGEST, socket.CMSG_SPACE(4))
        hops = [int.from_bytes(value, sys.byteorder) for _, kind, value in told if kind == socket.IPV6_HOPLIMIT]
        asked = parse(data) if hops == [_HOP_LIMIT] else None
        if asked is not None and is_served(asked.mac):
            bound.sendto(no_router(), sender)
            log.info("router solicitation answered", mac=asked.mac)
    except BmprovError as error:
        log.warning("router solicitation not answered", error=str(error))
    except OSError as error:
        log.warning("router advertisement lost: the network refused it", error=str(error))
    except Exception:  # the outermost loop: one packet must not end the service for all
        log.exception("router solicitation met an unexpected fault")
