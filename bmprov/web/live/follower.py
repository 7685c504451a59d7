"""What looks at the database for all open pages of a process: once for a topic, however many pages show it.

It asks several times a second whether anything was committed, which costs some microseconds, and only then looks at the
topics that somebody shows. It never spends more than a sixth of its time with looking, so that a hall of ten thousand
machines makes pages later and nothing else slower.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from bmprov.errors import NotFound, Retryable
from bmprov.store import Store, Transaction
from bmprov.web.live import message
from bmprov.web.live.feed import Feed
from bmprov.web.live.stream import Stream
from bmprov.web.live.topic import Topic

TICK_S = 0.15
WELCOME_S = 3.0
"""How often those who listen are asked after: so long somebody who may do so no longer may still hear something."""

_REST = 5.0
_LONGEST_REST_S = 10.0
_AFTER_TROUBLE_S = 1.0
_KEPT_S = 120.0
_SILENT = "the database does not answer: this page shows what was known before"
_BROKEN = "this page cannot be kept up to date, reload it: what is wrong stands in the service's log"

_log = structlog.get_logger("bmprov.live")


class Guest(Protocol):
    """Somebody who listens. Equal guests are asked after once."""

    def still_welcome(self, transaction: Transaction) -> bool:
        """Whether they may still see pages."""

    def __hash__(self) -> int: ...


@dataclass(eq=False)
class Listener:
    """An open page: where its messages go, the state that it shows, and who looks at it."""

    stream: Stream
    etag: str
    guest: Guest


@dataclass(eq=False)
class _Followed:
    """A topic that somebody shows, or has shown not long ago."""

    topic: Topic
    feed: Feed = field(default_factory=Feed)
    listeners: list[Listener] = field(default_factory=list)
    waiting: list[Listener] = field(default_factory=list)
    current: bool = False
    broken: bool = False
    look_at: float = 0.0
    left_at: float = 0.0

    def everybody(self) -> Iterator[Listener]:
        yield from self.listeners
        yield from self.waiting


class Follower:
    """Follows the topics that somebody shows. `tick` is for one thread; `join` and `behind_s` are for all.

    `frame` is what rendering needs around it (Flask's application context). `clock` is monotonic.
    """

    def __init__(
        self,
        store: Store,
        frame: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._frame = frame
        self._clock = clock
        self._pulse = store.pulse()
        self._lock = threading.Lock()
        self._arrived: list[tuple[str, Topic, Listener]] = []
        self._followed: dict[str, _Followed] = {}
        self._rest_until = self._welcome_at = 0.0
        self._asked_at: float | None = None
        self._trouble = ""

    def join(self, name: str, topic: Topic, listener: Listener) -> None:
        """Let a page follow a topic from its next tick on."""
        with self._lock:
            self._arrived.append((name, topic, listener))

    @property
    def busy(self) -> bool:
        """Whether anybody listens."""
        with self._lock:
            return bool(self._arrived) or any(one.listeners or one.waiting for one in self._followed.values())

    def behind_s(self) -> float:
        """How long the database has been owing an answer."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else self._clock() - asked_at

    def tick(self) -> None:
        """Admit who came, forget who went, and tell all what has changed."""
        self._admit()
        self._forget()
        if not any(one.listeners or one.waiting for one in self._followed.values()):
            self._pulse.close()
            return
        if self._trouble and self._clock() < self._rest_until:
            return
        self._asked_at = self._clock()
        try:
            self._follow()
        except Retryable as error:
            self._rest_until = self._clock() + _AFTER_TROUBLE_S
            _log.warning("open pages are not kept up to date", why=str(error))
            self.tell(_SILENT)
        else:
            self.tell("")
        finally:
            self._asked_at = None

    def tell(self, trouble: str) -> None:
        """Say what keeps all pages from being up to date, unless they know; empty: nothing does."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        data = message.trouble(trouble)
        for listener in self._everybody():
            listener.stream.send(data)

    def close(self) -> None:
        """Give up the connection to the database."""
        self._pulse.close()

    # --- Who is there ---

    def _admit(self) -> None:
        with self._lock:
            arrived, self._arrived = self._arrived, []
            for name, topic, listener in arrived:
                self._followed.setdefault(name, _Followed(topic)).waiting.append(listener)
        for name, _, listener in arrived:
            if trouble := self._trouble or (_BROKEN if self._followed[name].broken else ""):
                listener.stream.send(message.trouble(trouble))

    def _forget(self) -> None:
        now = self._clock()
        for name, one in list(self._followed.items()):
            one.listeners = [listener for listener in one.listeners if listener.stream.open]
            one.waiting = [listener for listener in one.waiting if listener.stream.open]
            if one.listeners or one.waiting:
                one.left_at = now
            elif now - one.left_at > _KEPT_S:
                with self._lock:
                    del self._followed[name]
            else:
                one.current = False

    def _everybody(self) -> list[Listener]:
        return [listener for one in list(self._followed.values()) for listener in one.everybody()]

    def _check_guests(self) -> None:
        if self._clock() < self._welcome_at:
            return
        self._welcome_at = self._clock() + WELCOME_S
        with self._store.read() as transaction:
            known = {guest: guest.still_welcome(transaction) for guest in {one.guest for one in self._everybody()}}
        for listener in self._everybody():
            if not known[listener.guest]:
                listener.stream.send(message.bye())
                listener.stream.end()

    # --- What has changed ---

    def _follow(self) -> None:
        if self._pulse.moved():
            for one in self._followed.values():
                one.current = False
        self._check_guests()
        if self._clock() >= self._rest_until:
            began = self._clock()
            self._look(self._due(began))
            ended = self._clock()
            self._rest_until = ended + min(_REST * (ended - began), _LONGEST_REST_S)

    def _due(self, now: float) -> list[_Followed]:
        shown = [one for one in self._followed.values() if one.listeners or one.waiting]
        for one in shown:
            if one.current:
                self._settle(one, [listener for listener in one.waiting if listener.etag == one.feed.etag])
        return [one for one in shown if (one.waiting and not one.broken) or not one.current or now >= one.look_at]

    def _look(self, due: Iterable[_Followed]) -> None:
        for one in due:
            try:
                self._look_at(one)
            except Retryable:
                raise
            except Exception:  # noqa: BLE001 - the loop: a fault in one page is told, and others go on
                _log.exception("a page could not be rendered", topic=type(one.topic).__name__)
                self._break(one)

    def _look_at(self, one: _Followed) -> None:
        """Each in a transaction of its own: what is wrong with one topic is not wrong with the others."""
        one.current = True
        one.look_at = self._clock() + (one.topic.every_s or float("inf"))
        try:
            with self._frame(), self._store.read() as transaction:
                change = one.feed.take(one.topic.look(transaction))
        except NotFound:
            change = one.feed.take({})
        except Exception:
            one.current = False
            raise
        if one.broken:
            one.broken = False
            _send(one.everybody(), message.trouble(""))
        if change is not None:
            _send(one.listeners, message.changed(change))
        self._settle(one, list(one.waiting))

    def _settle(self, one: _Followed, listeners: list[Listener]) -> None:
        for listener in listeners:
            lacking = one.feed.since(listener.etag)
            now = message.beat(self._store.clock(), one.feed.etag)
            listener.stream.send(now if lacking is None else message.changed(lacking))
            one.waiting.remove(listener)
            one.listeners.append(listener)

    def _break(self, one: _Followed) -> None:
        if not one.broken:
            one.broken = True
            _send(one.everybody(), message.trouble(_BROKEN))
        one.current = True  # not again before something has changed


def _send(listeners: Iterable[Listener], data: bytes) -> None:
    for listener in listeners:
        listener.stream.send(data)
