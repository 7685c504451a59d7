"""The DHCP server's sockets. Whatever comes in, it goes on serving."""

import selectors
import socket
import threading
from dataclasses import dataclass
from ipaddress import IPv4Address

import structlog

from bmprov.errors import BmprovError
from pxe.dhcp.client import client_of
from pxe.dhcp.packet import ANY, BadPacket, MessageType, Option, Packet, parse, serialise
from pxe.dhcp.policy import Ignored, Policy

log = structlog.get_logger()

_CLIENT_PORT, _SERVER_PORT = 68, 67
_BROADCAST = IPv4Address("255.255.255.255")
_RELAY_SOURCE_PORT = 19  # RFC 8357
_LARGEST = 4096
_LOOK_UP_S = 0.2


@dataclass(frozen=True)
class DhcpServer:
    """Answers on `port`, and for the proxy on `proxy_port` too. `interface` binds the sockets to one network card."""

    policy: Policy
    listen: str
    port: int = _SERVER_PORT
    proxy_port: int | None = None
    interface: str = ""

    def run(self, stopping: threading.Event) -> None:
        """Serve until `stopping` is set.

        Raises:
            OSError: a port cannot be bound.
        """
        with selectors.DefaultSelector() as selector:
            for port, is_proxy in [(self.port, False), *([(self.proxy_port, True)] if self.proxy_port else [])]:
                selector.register(self._bound(port), selectors.EVENT_READ, is_proxy)
            log.info("DHCP server ready", listen=self.listen, port=self.port, proxy=self.policy.terms.proxy)
            while not stopping.is_set():
                for key, _ in selector.select(_LOOK_UP_S):
                    if isinstance(key.fileobj, socket.socket):
                        self._serve(key.fileobj, proxy_port=bool(key.data))
            for key in list(selector.get_map().values()):
                if isinstance(key.fileobj, socket.socket):
                    key.fileobj.close()

    def _bound(self, port: int) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**22)  # a rack that powers on sends a burst
        if self.interface:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface.encode())
        bound.bind((self.listen, port))
        return bound

    def _serve(self, bound: socket.socket, *, proxy_port: bool) -> None:
        data, sender = bound.recvfrom(_LARGEST)
        try:
            asked = parse(data)
            answer = self.policy.answer(asked, proxy_port=proxy_port)
            if isinstance(answer, Packet):
                bound.sendto(serialise(answer), destination(asked, answer, sender, proxy_port=proxy_port))
            _log(asked, answer)
        except BadPacket as error:
            log.info("DHCP packet ignored", sender=sender[0], why=str(error))
        except BmprovError as error:
            log.warning("DHCP request not answered; the client will ask again", error=str(error))
        except Exception:  # the outermost loop: one packet must not end the service for all
            log.exception("DHCP request met an unexpected fault", sender=sender[0])


def destination(asked: Packet, answer: Packet, sender: tuple[str, int], *, proxy_port: bool = False) -> tuple[str, int]:
    """Where the reply goes (RFC 2131, 4.1).

    To the relay, on the port that it asked from when it says so (RFC 8357); to a client that has its address already;
    else to all, because a client without an address cannot be reached otherwise without raw sockets.
    """
    if asked.giaddr != ANY:
        return (str(asked.giaddr), sender[1] if _tells_its_port(asked) else _SERVER_PORT)
    if proxy_port:
        return sender
    if asked.ciaddr != ANY and answer.kind is not MessageType.NAK:
        return (str(asked.ciaddr), _CLIENT_PORT)
    return (str(_BROADCAST), _CLIENT_PORT)


def _tells_its_port(asked: Packet) -> bool:
    rest = asked.options.get(Option.RELAY_AGENT, b"")
    while len(rest) > 1:
        if rest[0] == _RELAY_SOURCE_PORT:
            return True
        rest = rest[2 + rest[1] :]
    return False


def _log(asked: Packet, answer: Packet | Ignored) -> None:
    kind = asked.kind.name if asked.kind else "none"
    if isinstance(answer, Ignored):
        log.info("DHCP ignored", mac=asked.mac, message=kind, why=answer.why)
    else:
        told = answer.kind.name if answer.kind else "none"
        log.info("DHCP", mac=asked.mac, message=kind, client=client_of(asked), answer=told, address=str(answer.yiaddr))
