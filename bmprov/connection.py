"""A client's TLS connection as gunicorn holds it, and how one is taken from gunicorn."""

import errno
import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

STALLED_S = 30.0
"""How long a client may send or take nothing in the middle of a request before its thread is given to another."""

LINGER_S = 0.05
"""How long a connection that is being closed may hold up the others."""

_UNANSWERED_MS = 30_000


class ImpatientSocket(ssl.SSLSocket):
    """A connection that waits for its client for so long and no longer.

    gunicorn sets its connections to blocking without a limit: sixteen clients that send half a request and then
    nothing would hold all threads for ever. And it waits two seconds for the other side of a connection that it
    closes, in the loop that accepts the others.
    """

    ending = False
    handed_over = False

    def hand_over(self) -> "HandedOver":
        """The connection, for somebody who holds it longer than gunicorn would hold a thread for it.

        From now on gunicorn finds that its client has gone: it writes nothing, counts the connection no longer, and
        closes what is no longer its own, in vain.
        """
        super().settimeout(0.0)
        self.handed_over = True
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; elsewhere the kernel notices a vanished client in minutes
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
        return HandedOver(self)

    def settimeout(self, value: float | None) -> None:
        """Set how long to wait for the client, which is never for ever."""
        if self.handed_over:
            return
        limit = LINGER_S if self.ending else STALLED_S
        super().settimeout(limit if value is None else min(value, limit))

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - Python's signature
        """Wait for the client, for a while; or do not."""
        self.settimeout(None if flag else 0.0)

    def sendall(self, data: "Buffer", flags: int = 0) -> None:
        """Send everything, unless the connection was handed over."""
        if self.handed_over:
            raise BrokenPipeError(errno.EPIPE, "the connection is somebody else's")
        super().sendall(data, flags)

    def shutdown(self, how: int) -> None:
        """Begin to close, unless the connection was handed over."""
        if self.handed_over:
            raise OSError(errno.ENOTCONN, "the connection is somebody else's")
        self.ending = True
        super().shutdown(how)

    def close(self) -> None:
        """Close, unless the connection was handed over."""
        if not self.handed_over:
            super().close()


class HandedOver:
    """A connection that gunicorn holds no longer. It never blocks."""

    def __init__(self, connection: ImpatientSocket) -> None:
        self._connection = connection

    def fileno(self) -> int:
        """Its file descriptor, for a selector."""
        return self._connection.fileno()

    def send(self, data: memoryview) -> int:
        """Send some of the data; how many bytes.

        Raises:
            ssl.SSLWantWriteError, ssl.SSLWantReadError: not now.
            OSError: the client has gone.
        """
        return self._connection.send(data)

    def recv(self, size_bytes: int) -> bytes:
        """What the client has sent; nothing at its end. It raises as `send` does."""
        return self._connection.recv(size_bytes)

    def close(self) -> None:
        """Close it, without waiting for the client's own good-bye."""
        ssl.SSLSocket.close(self._connection)
