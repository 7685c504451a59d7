"""TFTP for the first loader and nothing else: all that comes after it goes over HTTP.

One thread serves all transfers. Whatever a client sends ends its own transfer at worst. Only the loaders that are
handed in have a name; writing is refused.
"""

import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from pxe.datagram import Datagram, bind, receive
from pxe.loaders import Shelf
from pxe.tftp_blocks import SharedBlocks
from pxe.tftp_packets import Malformed, parse_request
from pxe.tftp_session import Session
from pxe.tftp_transfer import Ended, Outcome, Transfer

log = structlog.get_logger()

_POLL_S = 0.2
_LIMIT = 900  # each takes a file descriptor, of which a process has 1,024; a client that is passed over asks again


class TftpService:
    """Serves loaders until it is stopped."""

    def __init__(self, loaders: Mapping[str, Path], listen: str, port: int) -> None:
        self._shelf = Shelf(loaders)
        self._listen = listen
        self._port = port

    def run(self, stopping: threading.Event) -> None:
        """Serve until `stopping` is set.

        Raises:
            OSError: the port cannot be bound.
        """
        with bind(self._listen, self._port) as bound:
            self.serve(bound, stopping)

    def serve(self, bound: socket.socket, stopping: threading.Event) -> None:
        """Serve on a socket of `datagram.bind` until `stopping` is set."""
        address, port = bound.getsockname()
        log.info("TFTP server ready", listen=address, port=port, loaders=self._shelf.names)
        with select.epoll() as poll:
            transfers = _Transfers(self._shelf, poll)
            poll.register(bound, select.EPOLLIN)
            door = bound.fileno()
            while not stopping.is_set():
                now = time.monotonic()
                for descriptor, _ in poll.poll(transfers.idle_s(now)):
                    if descriptor == door:
                        transfers.admit(bound)
                    else:
                        transfers.go_on(descriptor)
                transfers.tick(now)  # what had arrived by then has been taken: else a busy host would send all twice
            transfers.close()


class _Transfers:
    """The transfers under way, by client and by file descriptor. A fault in one ends that one."""

    def __init__(self, shelf: Shelf, poll: select.epoll, clock: Callable[[], float] = time.monotonic) -> None:
        self._shelf = shelf
        self._poll = poll
        self._blocks = SharedBlocks()
        self._clock = clock
        self._by_client: dict[tuple[str, int], Session] = {}
        self._by_descriptor: dict[int, Session] = {}
        self._next_tick = 0.0

    def admit(self, bound: socket.socket) -> None:
        """A packet for the well-known port: begin a transfer, if it asks for one."""
        try:
            request = receive(bound)
        except OSError as error:
            log.warning("TFTP request lost", error=error.strerror)
            return
        if request is not None and self._is_new(request):
            self._begin(request)

    def go_on(self, descriptor: int) -> None:
        """A packet for a transfer. When it has ended in this very round, its descriptor may be another's by now."""
        session = self._by_descriptor.get(descriptor)
        if session is not None:
            self._step(session, session.receive, self._clock())

    def idle_s(self, now: float) -> float:
        """How long nothing is to be done unless a packet comes."""
        return max(0.0, self._next_tick - now)

    def tick(self, now: float) -> None:
        """Look after what is overdue, a few times a second, and when a transfer is due."""
        if now >= self._next_tick:
            self._next_tick = now + _POLL_S
            for session in list(self._by_client.values()):
                self._step(session, session.tick, now)

    def close(self) -> None:
        """End all transfers."""
        for session in list(self._by_client.values()):
            self._end(session, Ended(Outcome.GIVEN_UP, "the service is stopped"))

    def _is_new(self, request: Datagram) -> bool:
        under_way = self._by_client.get(request.sender)
        if under_way is None:
            if len(self._by_client) >= _LIMIT:
                log.warning("TFTP request passed over", client=request.sender[0], why=f"{_LIMIT} transfers under way")
            return len(self._by_client) < _LIMIT
        if under_way.request.data == request.data and not under_way.transfer.acknowledged:
            return False  # the same request again: our answer is on its way, or will be sent again when it is due
        self._end(under_way, Ended(Outcome.ABORTED, "it asks anew from the same port, as a ROM does after a reset"))
        return True

    def _begin(self, request: Datagram) -> None:
        try:
            transfer = Transfer(parse_request(request.data), self._shelf.open, self._clock(), self._blocks.of)
            session = Session(request, transfer)
        except (Malformed, OSError) as error:
            log.info("TFTP packet ignored", client=request.sender[0], why=str(error))
            return
        self._by_client[request.sender] = self._by_descriptor[session.fileno()] = session
        self._poll.register(session, select.EPOLLIN)
        self._step(session, session.begin, self._clock())

    def _step(self, session: Session, step: Callable[[float], Ended | None], now: float) -> None:
        try:
            ended = step(now)
        except OSError as error:
            ended = Ended(Outcome.GIVEN_UP, f"the network refused a packet ({error.strerror})")
        except Exception:  # the outermost loop: a fault in one transfer must not end the others
            log.exception("TFTP transfer met an unexpected fault", client=session.request.sender[0])
            ended = Ended(Outcome.GIVEN_UP, "an unexpected fault")
        if ended is not None:
            self._end(session, ended)
        elif session.transfer.due < self._next_tick:
            self._next_tick = session.transfer.due

    def _end(self, session: Session, ended: Ended) -> None:
        del self._by_client[session.request.sender]
        del self._by_descriptor[session.fileno()]
        self._poll.unregister(session)
        session.close()
        transfer = session.transfer
        told: dict[str, object] = {"why": ended.why} if ended.why else {"size_bytes": transfer.size_bytes}
        client, port = session.request.sender
        log.info(
            "TFTP", client=client, port=port, name=transfer.name, outcome=ended.outcome, resent=transfer.resent, **told
        )
