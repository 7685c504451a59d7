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
_CROWD = 1000  # requests between two rounds: more than the socket holds
_LIMIT = 900  # each takes a file descriptor, of which a process has 1,024; a client that is passed over asks again


def _untold(_session: Session, _ended: Ended) -> None:
    """Nobody wants to know."""


class TftpService:
    """Serves loaders until it is stopped. `told` hears of each transfer that has ended, and must not wait."""

    def __init__(
        self, loaders: Mapping[str, Path], listen: str, port: int, told: Callable[[Session, Ended], None] = _untold
    ) -> None:
        self._told = told
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
            transfers = _Transfers(self._shelf, poll, self._told)
            poll.register(bound, select.EPOLLIN)
            door = bound.fileno()
            while not stopping.is_set():
                now = time.monotonic()
                ready = dict(poll.poll(transfers.idle_s(now)))
                if door in ready:
                    transfers.admit(bound)
                for descriptor in ready:
                    transfers.go_on(descriptor)
                transfers.tick(now)  # what had arrived by then has been taken: else a busy host would send all twice
            transfers.close()


class _Transfers:
    """The transfers under way, by client and by file descriptor. A fault in one ends that one."""

    def __init__(
        self,
        shelf: Shelf,
        poll: select.epoll,
        told: Callable[[Session, Ended], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._told = told
        self._shelf = shelf
        self._poll = poll
        self._blocks = SharedBlocks()
        self._clock = clock
        self._by_client: dict[tuple[str, int], Session] = {}
        self._by_descriptor: dict[int, Session] = {}
        self._over: list[Session] = []  # closed when a round ends: until then their descriptors are nobody else's
        self._next_tick = 0.0

    def admit(self, bound: socket.socket) -> None:
        """The packets that wait at the well-known port: begin the transfers that they ask for.

        All of them, before any packet for a transfer: so a client's second request, sent when the answer to its first
        one was late, is seen before its first acknowledgement, and known for what it is.
        """
        for _ in range(_CROWD):
            try:
                request = receive(bound)
            except OSError as error:
                log.warning("TFTP request lost", error=error.strerror)
                continue
            if request is None:
                return
            if self._may_begin(request):
                self._begin(request)

    def go_on(self, descriptor: int) -> None:
        """A packet for a transfer. Of two for one port, the client is with the one that it writes to."""
        session = self._by_descriptor.get(descriptor)
        if session is None:
            return
        self._step(session, session.receive, self._clock())
        if session.rival is not None:
            self._end(session.rival, Ended(Outcome.ABORTED, "it has asked twice, and answers the other transfer"))

    def idle_s(self, now: float) -> float:
        """How long nothing is to be done unless a packet comes."""
        return max(0.0, self._next_tick - now)

    def tick(self, now: float) -> None:
        """End a round: look after what is overdue, a few times a second, and when a transfer is due."""
        while self._over:
            self._over.pop().close()
        if now >= self._next_tick:
            self._next_tick = now + _POLL_S
            for session in list(self._by_client.values()):  # which leaves out the earlier one of rivals
                self._step(session, session.tick, now)

    def close(self) -> None:
        """End all transfers."""
        for session in list(self._by_descriptor.values()):
            self._end(session, Ended(Outcome.GIVEN_UP, "the service is stopped"))
        while self._over:
            self._over.pop().close()

    def _may_begin(self, request: Datagram) -> bool:
        while (earlier := self._by_client.get(request.sender)) and earlier.request.data != request.data:
            self._end(earlier, Ended(Outcome.ABORTED, "it asks for something else from the same port"))
        if earlier is not None and not earlier.transfer.acknowledged:
            return False  # the same request again: our answer is on its way, or will be sent again when it is due
        if len(self._by_descriptor) >= _LIMIT:
            log.warning("TFTP request passed over", client=request.sender[0], why=f"{_LIMIT} transfers under way")
        return len(self._by_descriptor) < _LIMIT

    def _begin(self, request: Datagram) -> None:
        try:
            transfer = Transfer(parse_request(request.data), self._shelf.open, self._clock(), self._blocks.of)
            session = Session(request, transfer)
        except (Malformed, OSError) as error:
            log.info("TFTP packet ignored", client=request.sender[0], why=str(error))
            return
        self._remember(session)
        self._poll.register(session, select.EPOLLIN)
        self._step(session, session.begin, self._clock())

    def _remember(self, session: Session) -> None:
        """A ROM asks anew after a reset, from the same port; or the network has doubled its request, or been slow.

        Nobody knows, so the earlier transfer stays, but sends nothing of its own accord (RFC 1350, 4, has such a pair).
        """
        earlier = self._by_client.get(session.request.sender)
        if earlier is not None:
            session.rival, earlier.rival = earlier, session
        self._by_client[session.request.sender] = self._by_descriptor[session.fileno()] = session

    def _forget(self, session: Session) -> None:
        del self._by_descriptor[session.fileno()]
        rival, session.rival = session.rival, None
        if rival is not None:
            rival.rival = None
            self._by_client[session.request.sender] = rival
        else:
            del self._by_client[session.request.sender]

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
        self._forget(session)
        self._poll.unregister(session)
        self._over.append(session)
        transfer = session.transfer
        told: dict[str, object] = {"why": ended.why} if ended.why else {"size_bytes": transfer.size_bytes}
        client, port = session.request.sender
        log.info(
            "TFTP", client=client, port=port, name=transfer.name, outcome=ended.outcome, resent=transfer.resent, **told
        )
        self._told(session, ended)
