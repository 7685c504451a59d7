"""TFTP for the first loader and nothing else (RFC 1350, with the options blksize and tsize), on tftpy.

tftpy's packets and states are used, its server loop is not: it selects over at most 1,024 sockets, looks at every
session for every packet, and ends with the first exception that it did not foresee. A rack that is switched on at once
meets all three. Writing is refused; only the names of loaders exist.
"""

import logging
import selectors
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import structlog
from tftpy.TftpContexts import TftpContextServer
from tftpy.TftpShared import TftpException, TftpTimeout, TftpTimeoutExpectACK

from pxe.loaders import Shelf

log = structlog.get_logger()

_ANSWER_S = 2
_RETRIES = 5
_LOOK_S = 0.2
_LARGEST = 65536
_MOST_SESSIONS = 4000
_RECEIVE_BYTES = 2**22


class TftpService:
    """Serves loaders until it is stopped."""

    def __init__(self, loaders: Mapping[str, Path], listen: str, port: int) -> None:
        self._shelf = Shelf(loaders)
        self._at = (listen, port)
        self._sessions: dict[tuple[str, int], TftpContextServer] = {}
        logging.getLogger("tftpy").setLevel(logging.CRITICAL)  # it logs every block

    def run(self, stopping: threading.Event) -> None:
        """Serve until `stopping` is set.

        Raises:
            OSError: the port cannot be bound.
        """
        with (
            tempfile.TemporaryDirectory(prefix="bmprov-tftp-") as empty,
            selectors.DefaultSelector() as selector,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door,
        ):
            door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
            door.bind(self._at)
            selector.register(door, selectors.EVENT_READ)
            log.info("TFTP server ready", listen=self._at[0], port=self._at[1], loaders=self._shelf.names)
            look_at = time.monotonic()
            while not stopping.is_set():
                for key, _ in selector.select(_LOOK_S):
                    if key.fileobj is door:
                        self._begin(door, selector, empty)
                    else:
                        self._drive(key.data, selector, lambda session: session.cycle())
                if time.monotonic() >= look_at:
                    look_at = time.monotonic() + _LOOK_S
                    self._remind(selector)
            for client in list(self._sessions):
                self._end(client, selector)

    def _begin(self, door: socket.socket, selector: selectors.BaseSelector, empty: str) -> None:
        request, client = door.recvfrom(_LARGEST)
        if client in self._sessions or len(self._sessions) >= _MOST_SESSIONS:
            return  # asked twice, or too much at once: the client asks again
        session = TftpContextServer(client[0], client[1], _ANSWER_S, empty, self._open, _refuse, _RETRIES, flock=False)
        self._sessions[client] = session
        selector.register(session.sock, selectors.EVENT_READ, client)
        self._drive(client, selector, lambda session: session.start(request))

    def _drive(
        self, client: tuple[str, int], selector: selectors.BaseSelector, act: Callable[[TftpContextServer], object]
    ) -> None:
        """Let a session act; it ends when it has nothing more to do, or fails."""
        session = self._sessions.get(client)
        if session is None:
            return
        try:
            session.timeout_expectACK = False
            act(session)
        except TftpTimeoutExpectACK:
            session.timeout_expectACK = True
            return
        except TftpException as error:
            log.info("TFTP ended", client=client[0], why=str(error)[:200])
        except Exception:  # the outermost loop: what one client sends must not end the service for all
            log.exception("TFTP session met an unexpected fault", client=client[0])
        else:
            if session.state is not None:
                return
        self._end(client, selector)

    def _remind(self, selector: selectors.BaseSelector) -> None:
        """Send again what was not acknowledged, and give up on clients that are gone."""
        now = time.time()  # tftpy's clock
        for client, session in list(self._sessions.items()):
            try:
                session.checkTimeout(now)
            except TftpTimeout:
                session.retry_count += 1
                if session.retry_count >= _RETRIES:
                    self._end(client, selector)
                else:
                    self._drive(client, selector, lambda session: session.state.resendLast())

    def _end(self, client: tuple[str, int], selector: selectors.BaseSelector) -> None:
        session = self._sessions.pop(client)
        selector.unregister(session.sock)
        session.end()

    def _open(self, name: str, raddress: str = "", rport: int = 0) -> IO[bytes] | None:
        """What tftpy calls for a read request; None becomes error 1, file not found."""
        try:
            opened = self._shelf.open(name)
        except (KeyError, OSError):
            log.info("TFTP refused", client=raddress, port=rport, name=name[:100], why="no loader has this name")
            return None
        log.info("TFTP", client=raddress, port=rport, name=name)
        return opened


def _refuse(_path: str, _context: object) -> None:
    """Uploads are nobody's business here."""
