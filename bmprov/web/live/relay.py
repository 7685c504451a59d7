"""The thread that holds all event streams of a process: it writes to those that can take something, and to no other.

A connection comes from the server's thread that has read its request; from then on it costs a file descriptor and some
kilobytes, and no thread. A page that does not read is dropped when too much waits for it: its browser connects again,
tells the last etag that it had, and gets what it lacks in one message.
"""

import collections
import contextlib
import queue
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from bmprov.web.live import message
from bmprov.web.live.stream import BEAT_S

BACKLOG_BYTES = 2 * 2**20
"""More than so much must not wait for a page when another message comes."""

_STALLED_S = 45.0
_ROUND_S = 1.0
_PIECE_BYTES = 64 * 1024
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

_log = structlog.get_logger("bmprov.live")


class Line(Protocol):
    """A connection that never blocks: `ssl.SSLWantReadError` and `SSLWantWriteError`, or `BlockingIOError`, instead."""

    def fileno(self) -> int:
        """Its file descriptor."""

    def send(self, data: memoryview) -> int:
        """Send some of the data; how many bytes."""

    def recv(self, size_bytes: int) -> bytes:
        """What has come; nothing at the end."""

    def close(self) -> None:
        """Close it at once."""


class RelayedStream:
    """A stream on a connection. Its methods may be called from any thread; the rest is the relay's."""

    def __init__(self, relay: "Relay", line: Line) -> None:
        self._relay = relay
        self.line = line
        self.open = True
        self.waiting: collections.deque[memoryview] = collections.deque()
        self.backlog_bytes = 0
        self.moved_at = 0.0
        self.ending = False

    def send(self, data: bytes) -> None:
        """Hand over a message."""
        self._relay.do(lambda: self._relay.put(self, data))

    def end(self) -> None:
        """Close it after what was sent before."""
        self._relay.do(lambda: self._relay.finish(self))


class Relay:
    """Holds streams from its `start` until its `close`.

    `every_round` is called about once a second, also when whatever feeds the streams is stuck. `clock` is the time that
    pages are told, in seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float], every_round: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._every_round = every_round
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._streams: set[RelayedStream] = set()
        self._awake, self._bell = socket.socketpair()
        self._closed = False
        self._beat_at = 0.0
        self._thread = threading.Thread(target=self._run, name="bmprov-live-relay", daemon=True)

    @property
    def count(self) -> int:
        """How many streams it holds."""
        return len(self._streams)

    def start(self) -> None:
        """Begin; in the process that the streams are of, after any fork."""
        for one in (self._awake, self._bell):
            one.setblocking(False)
        self._selector.register(self._awake, _READ)
        self._thread.start()

    def close(self) -> None:
        """Close all streams, and end."""
        self.do(self._stop)
        self._thread.join(_ROUND_S)

    def attach(self, line: Line, head: bytes) -> RelayedStream:
        """Take over a connection; `head` is the first that is sent on it."""
        stream = RelayedStream(self, line)
        self.do(lambda: self._admit(stream))
        stream.send(head)
        return stream

    def do(self, order: Callable[[], None]) -> None:
        """Let the relay's thread do something; from any thread."""
        self._orders.put(order)
        with contextlib.suppress(BlockingIOError, OSError):  # full: it will wake anyway; closed: nobody is there
            self._bell.send(b"\0")

    def put(self, stream: RelayedStream, data: bytes) -> None:
        """Send; in the relay's thread."""
        if not stream.open or stream.ending:
            return
        if stream.backlog_bytes > BACKLOG_BYTES:
            self._drop(stream)
            return
        if not stream.waiting:
            stream.moved_at = time.monotonic()
        stream.waiting.append(memoryview(data))
        stream.backlog_bytes += len(data)
        self._write(stream)

    def finish(self, stream: RelayedStream) -> None:
        """Close once everything is sent; in the relay's thread."""
        stream.ending = True
        if stream.open and not stream.waiting:
            self._drop(stream)

    # --- In its own thread ---

    def _run(self) -> None:
        round_at = time.monotonic()
        while not self._closed:
            for key, events in self._selector.select(max(0.0, round_at - time.monotonic())):
                self._turn_to(key.data, events)
            if time.monotonic() >= round_at:
                round_at = time.monotonic() + _ROUND_S
                self._go_round()
        for stream in list(self._streams):
            self._drop(stream)
        self._selector.close()
        self._awake.close()
        self._bell.close()

    def _turn_to(self, stream: RelayedStream | None, events: int) -> None:
        try:
            self._obey() if stream is None else self._serve(stream, events)
        except Exception:  # noqa: BLE001 - the outermost loop: one stream's fault must not end the others
            _log.exception("an event stream is dropped")
            if stream is not None:
                self._drop(stream)

    def _stop(self) -> None:
        self._closed = True

    def _obey(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._awake.recv(4096)
        with contextlib.suppress(queue.Empty):
            while True:
                self._orders.get_nowait()()

    def _admit(self, stream: RelayedStream) -> None:
        self._streams.add(stream)
        self._selector.register(stream.line, _READ, stream)

    def _serve(self, stream: RelayedStream, events: int) -> None:
        if stream.open and events & _READ:
            self._read(stream)
        if stream.open and stream.waiting:
            self._write(stream)

    def _read(self, stream: RelayedStream) -> None:
        """A page has nothing to say: whatever comes is its end, or TLS's own business."""
        try:
            stream.line.recv(_PIECE_BYTES)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return
        except OSError:
            pass
        self._drop(stream)

    def _write(self, stream: RelayedStream) -> None:
        wants = _READ
        try:
            while stream.waiting:
                self._sent(stream, stream.line.send(stream.waiting[0][:_PIECE_BYTES]))
        except (ssl.SSLWantWriteError, BlockingIOError):
            wants |= _WRITE
        except ssl.SSLWantReadError:
            pass  # `_serve` tries again when something has come
        except OSError:
            self._drop(stream)
            return
        if stream.ending and not stream.waiting:
            self._drop(stream)
        elif self._selector.get_key(stream.line).events != wants:
            self._selector.modify(stream.line, wants, stream)

    def _sent(self, stream: RelayedStream, size_bytes: int) -> None:
        stream.moved_at = time.monotonic()
        stream.backlog_bytes -= size_bytes
        rest = stream.waiting[0][size_bytes:]
        if rest:
            stream.waiting[0] = rest
        else:
            stream.waiting.popleft()

    def _drop(self, stream: RelayedStream) -> None:
        stream.open = False
        self._streams.discard(stream)
        stream.waiting.clear()
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(stream.line)
        with contextlib.suppress(OSError):
            stream.line.close()

    def _go_round(self) -> None:
        now = time.monotonic()
        for stream in [one for one in self._streams if one.waiting and now - one.moved_at > _STALLED_S]:
            self._drop(stream)
        if now >= self._beat_at:
            self._beat_at = now + BEAT_S
            data = message.beat(self._clock())
            for stream in list(self._streams):
                self.put(stream, data)
        self._every_round()
