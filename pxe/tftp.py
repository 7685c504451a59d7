"""TFTP for the first loader and nothing else: all that comes after it goes over HTTP.

One thread serves all transfers. Whatever a client sends ends its own transfer at worst. Only the loaders that are
handed in have a name; writing is refused.
"""

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from pxe.datagram import Datagram, bind, receive
from pxe.loaders import Shelf
from pxe.tftp_transfer import Ended, Malformed, Outcome, Transfer

log = structlog.get_logger()

_POLL_S = 0.2
_LIMIT = 900  # each takes a file descriptor, of which a process has 1,024; a client that is passed over asks again


class TftpService:
    """Serves loaders until it is stopped."""

    def __init__(self, loaders: Mapping[str, Path], listen: str, port: int) -> None:
        self._shelf = Shelf(loaders)
        self._listen = listen
        self._port = port
        logging.getLogger("tftpy").setLevel(logging.CRITICAL)  # it logs every block; outcomes are logged here

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
        with selectors.DefaultSelector() as selector:
            transfers = _Transfers(self._shelf, selector)
            selector.register(bound, selectors.EVENT_READ)
            while not stopping.is_set():
                for key, _ in selector.select(_POLL_S):
                    if isinstance(key.data, Transfer):
                        transfers.go_on(key.data)
                    else:
                        transfers.admit(bound)
                transfers.tick()
            transfers.close()


class _Transfers:
    """The transfers under way, by client. A fault in one ends that one."""

    def __init__(
        self, shelf: Shelf, selector: selectors.BaseSelector, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._shelf = shelf
        self._selector = selector
        self._clock = clock
        self._by_client: dict[tuple[str, int], Transfer] = {}
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

    def go_on(self, transfer: Transfer) -> None:
        """A packet for a transfer."""
        if self._by_client.get(transfer.request.sender) is transfer:  # else it was replaced in this very round
            self._step(transfer, transfer.receive)

    def tick(self) -> None:
        """Look after what is overdue, a few times a second."""
        now = self._clock()
        if now >= self._next_tick:
            self._next_tick = now + _POLL_S
            for transfer in list(self._by_client.values()):
                self._step(transfer, transfer.tick)

    def close(self) -> None:
        """End all transfers."""
        for transfer in list(self._by_client.values()):
            self._end(transfer, Ended(Outcome.GIVEN_UP, "the service is stopped"))

    def _is_new(self, request: Datagram) -> bool:
        under_way = self._by_client.get(request.sender)
        if under_way is None:
            if len(self._by_client) >= _LIMIT:
                log.warning("TFTP request passed over", client=request.sender[0], why=f"{_LIMIT} transfers under way")
            return len(self._by_client) < _LIMIT
        if under_way.request.data == request.data and not under_way.acknowledged:
            return False  # the same request again: our answer is on its way, or will be sent again when it is due
        self._end(under_way, Ended(Outcome.ABORTED, "it asks anew from the same port, as a ROM does after a reset"))
        return True

    def _begin(self, request: Datagram) -> None:
        try:
            transfer = Transfer(request, self._shelf.open, self._clock())
        except (Malformed, OSError) as error:
            log.info("TFTP packet ignored", client=request.sender[0], why=str(error))
            return
        self._by_client[request.sender] = transfer
        self._selector.register(transfer, selectors.EVENT_READ, transfer)
        self._step(transfer, transfer.begin)

    def _step(self, transfer: Transfer, step: Callable[[float], Ended | None]) -> None:
        try:
            ended = step(self._clock())
        except OSError as error:
            ended = Ended(Outcome.GIVEN_UP, f"the network refused a packet ({error.strerror})")
        except Exception:  # the outermost loop: a fault in one transfer must not end the others
            log.exception("TFTP transfer met an unexpected fault", client=transfer.request.sender[0])
            ended = Ended(Outcome.GIVEN_UP, "an unexpected fault")
        if ended is not None:
            self._end(transfer, ended)

    def _end(self, transfer: Transfer, ended: Ended) -> None:
        del self._by_client[transfer.request.sender]
        self._selector.unregister(transfer)
        transfer.close()
        told: dict[str, object] = {"why": ended.why} if ended.why else {"size_bytes": transfer.size_bytes}
        client, port = transfer.request.sender
        log.info(
            "TFTP", client=client, port=port, name=transfer.name, outcome=ended.outcome, resent=transfer.resent, **told
        )
