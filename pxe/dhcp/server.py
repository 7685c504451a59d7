"""The DHCP server's sockets. Whatever comes in, it goes on serving.

To a client without an address the answer is broadcast, whatever its broadcast flag says: a unicast would need a raw
socket or a forged entry in the ARP table, and RFC 2131, 4.1 allows a broadcast where unicast is not possible.
"""

import selectors
import socket
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import structlog

from bmprov.errors import BmprovError
from pxe.datagram import bind, broadcast
from pxe.dhcp.client import client_of
from pxe.dhcp.packet import ANY, MessageType, Packet, serialise
from pxe.dhcp.policy import Answer, Idle, Ignored, Wanted
from pxe.dhcp.waiting import Request, Waiting
from pxe.dhcp.witness import Decider, Witness

log = structlog.get_logger()

_CLIENT_PORT, _SERVER_PORT = 68, 67
_BROADCAST = "255.255.255.255"
_RELAY_SOURCE_PORT = 19  # RFC 8357
_LOOK_UP_S = 0.2
_AT_ONCE = 32  # requests for which the store is asked in one go; the sockets are looked at before the next


@dataclass(frozen=True)
class DhcpServer:
    """Answers on `port`, and for the proxy on `proxy_port` too. `interface` binds the sockets to one network card.

    `expect` is told whose requests are answered next, `witnesses` what became of each packet.
    """

    policy: Decider
    listen: str
    port: int = _SERVER_PORT
    proxy_port: int | None = None
    interface: str = ""
    witnesses: Sequence[Witness] = ()
    expect: Callable[[Collection[str]], None] = lambda _: None

    def run(self, stopping: threading.Event) -> None:
        """Serve until `stopping` is set.

        Raises:
            OSError: a port cannot be bound.
        """
        with ExitStack() as sockets:
            bound = sockets.enter_context(bind(self.listen, self.port, self.interface))
            proxy = (
                sockets.enter_context(bind(self.listen, self.proxy_port, self.interface)) if self.proxy_port else None
            )
            self.serve(bound, stopping, proxy)

    def serve(self, bound: socket.socket, stopping: threading.Event, proxy: socket.socket | None = None) -> None:
        """Serve on sockets of `datagram.bind` until `stopping` is set; `proxy` is the one of port 4011."""
        waiting = Waiting()
        with selectors.DefaultSelector() as selector:
            for each in [bound, proxy] if proxy else [bound]:
                selector.register(each, selectors.EVENT_READ)
            address, port = bound.getsockname()
            log.info("DHCP server ready", listen=address, port=port, proxy=self.policy.terms.proxy)
            while not stopping.is_set():
                for key, _ in selector.select(0 if waiting else _LOOK_UP_S):
                    if isinstance(key.fileobj, socket.socket):
                        _hear(waiting, key.fileobj, proxy_port=key.fileobj is proxy)
                if waiting:
                    self._serve(waiting.first(_AT_ONCE))
                    _tell_of_crowd(waiting)
                for witness in self.witnesses:
                    witness.tick()

    def _serve(self, requests: Sequence[Request]) -> None:
        try:
            self.expect({request.asked.mac for request in requests})
        except BmprovError as error:
            log.warning("DHCP requests not answered; the clients will ask again", error=str(error), lost=len(requests))
        except Exception:  # an outermost loop too: a crowd must not end the service for all
            log.exception("DHCP requests met an unexpected fault", lost=len(requests))
        else:
            for request in requests:
                self._serve_one(request)

    def _serve_one(self, request: Request) -> None:
        try:
            self._answer(request)
        except BmprovError as error:
            log.warning("DHCP request not answered; the client will ask again", error=str(error))
        except OSError as error:
            log.warning("DHCP packet lost: the network refused it", error=str(error))
        except Exception:  # the outermost loop: one packet must not end the service for all
            log.exception("DHCP request met an unexpected fault")

    def _answer(self, request: Request) -> None:
        asked, came = request.asked, request.came
        answer = self.policy.answer(asked, proxy_port=request.proxy_port)
        if isinstance(answer, Answer):
            reply = serialise(answer.packet, asked.reply_limit_bytes)
            to, port = destination(asked, answer.packet, came.sender, proxy_port=request.proxy_port)
            if to == _BROADCAST:
                broadcast(request.bound, reply, port, came.card)
            else:
                request.bound.sendto(reply, (to, port))
        _log(asked, answer)
        for witness in self.witnesses:
            witness.saw(asked, answer)


def _hear(waiting: Waiting, bound: socket.socket, *, proxy_port: bool) -> None:
    try:
        waiting.hear(bound, proxy_port=proxy_port)
    except OSError as error:
        log.warning("DHCP packet lost: the network refused it", error=str(error))
    except Exception:  # of the outermost loop: a packet that cannot be taken in must not end the service for all
        log.exception("DHCP request met an unexpected fault")


def _tell_of_crowd(waiting: Waiting) -> None:
    """Once all are answered, say so if some have asked again meanwhile."""
    if waiting.repeated and not waiting:
        check = "if that happens often, see what the database and this host are busy with"
        log.warning("DHCP clients asked again while they waited", repeated=waiting.repeated, check=check)
        waiting.repeated = 0


def destination(asked: Packet, answer: Packet, sender: tuple[str, int], *, proxy_port: bool = False) -> tuple[str, int]:
    """Where the reply goes (RFC 2131, 4.1).

    To the relay, on the port that it asked from when it says so (RFC 8357); to a client that has its address already;
    else to all.
    """
    if asked.giaddr != ANY:
        return (str(asked.giaddr), sender[1] if _RELAY_SOURCE_PORT in asked.relay_told else _SERVER_PORT)
    if proxy_port:
        return sender
    if asked.ciaddr != ANY and answer.kind is not MessageType.NAK:
        return (str(asked.ciaddr), _CLIENT_PORT)
    return (_BROADCAST, _CLIENT_PORT)


def _log(asked: Packet, answer: Answer | Ignored) -> None:
    wanted = answer.wanted
    about: dict[str, object] = {"mac": asked.mac, "message": asked.kind.name if asked.kind else "none"}
    if wanted is not None:
        about["machine"] = wanted.machine
    if isinstance(wanted, Wanted):
        about["operation"] = wanted.operation_id
    if isinstance(answer, Ignored):
        tell = log.warning if answer.costs_a_boot else log.info
        tell("DHCP ignored", **about, why=answer.why)
    else:
        told = answer.packet.kind.name if answer.packet.kind else "none"
        if isinstance(wanted, Idle):
            about["why"] = f"{wanted.why}: it is to boot its disk"
        log.info("DHCP", **about, client=client_of(asked), answer=told, address=str(answer.packet.yiaddr))
