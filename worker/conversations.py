"""Many conversations over UDP in one thread: each is plain code that waits for its answer and holds nobody up.

A thread for each would do, and does elsewhere; but when a thousand BMCs answer at once, threads fight for Python's lock
and everything takes twice the processor. A greenlet is switched only when it waits.
"""

import math
import select
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from greenlet import getcurrent, greenlet


class Conversations:
    """Runs functions that talk through sockets of `calm`. All of it in the thread that calls `turn`."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._waiting = dict[int, Waiting]()  # by the number of the socket
        self._main = getcurrent()
        self.under_way = 0

    def start(self, run: Callable[[], None]) -> None:
        """Begin a conversation, up to where it first waits. It must not raise."""

        def conversation() -> None:
            try:
                run()
            finally:
                self.under_way -= 1

        self.under_way += 1
        greenlet(conversation, self._main).switch()

    def turn(self, most_s: float) -> None:
        """Let those go on who have an answer, or whose time is over; wait at most `most_s` for the first of them."""
        first = min((waiting.until for waiting in self._waiting.values()), default=math.inf)
        for number, _ in self._epoll.poll(max(0.0, min(most_s, first - time.monotonic()))):
            if number in self._waiting:
                self._waiting[number].wake(answered=True)
        now = time.monotonic()
        for waiting in [one for one in self._waiting.values() if one.until <= now]:
            waiting.wake(answered=False)

    def calm(self, connected: socket.socket) -> "CalmSocket":
        """A socket whose `recv` waits calmly; to be used within a conversation only."""
        return CalmSocket(connected, self)

    def close(self) -> None:
        """Nothing is under way any more."""
        self._epoll.close()

    def watch(self, waiting: "Waiting", sock: socket.socket) -> None:
        """Tell `waiting` when something has come, or when its time is over."""
        self._epoll.register(sock, select.EPOLLIN)
        self._waiting[sock.fileno()] = waiting

    def unwatch(self, sock: socket.socket) -> None:
        """It is being closed."""
        self._epoll.unregister(sock)
        del self._waiting[sock.fileno()]

    def pause(self) -> bool:
        """Let the others go on; whether an answer has come."""
        return bool(self._main.switch())


class Waiting:
    """One conversation's waiting for its socket."""

    def __init__(self, conversations: Conversations, sock: socket.socket) -> None:
        self._conversations = conversations
        self._greenlet: greenlet | None = None
        self.until = math.inf
        conversations.watch(self, sock)

    def wait(self, seconds: float) -> bool:
        """Wait until something has come, or for so long."""
        self._greenlet, self.until = getcurrent(), time.monotonic() + seconds
        return self._conversations.pause()

    def wake(self, *, answered: bool) -> None:
        """Go on."""
        if (sleeper := self._greenlet) is not None:
            self._greenlet, self.until = None, math.inf
            sleeper.switch(answered)


class CalmSocket:
    """What of a socket a conversation needs."""

    def __init__(self, connected: socket.socket, conversations: Conversations) -> None:
        connected.setblocking(False)
        self._sock = connected
        self._conversations = conversations
        self._waiting: Waiting | None = None
        self._timeout_s = 0.0

    def settimeout(self, seconds: float) -> None:
        """How long `recv` waits."""
        self._timeout_s = seconds

    def send(self, data: bytes) -> int:
        """Send a datagram."""
        return self._sock.send(data)

    def recv(self, size: int) -> bytes:
        """The next datagram.

        Raises:
            TimeoutError: none came in time.
            OSError: the network says that nobody is there.
        """
        if self._waiting is None:
            self._waiting = Waiting(self._conversations, self._sock)
        if not self._waiting.wait(self._timeout_s):
            raise TimeoutError
        try:
            return self._sock.recv(size)
        except BlockingIOError:  # it was no datagram after all (a bad checksum: select(2), BUGS)
            raise TimeoutError from None

    def close(self) -> None:
        """Close it."""
        if self._waiting is not None:
            self._conversations.unwatch(self._sock)
            self._waiting = None
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
