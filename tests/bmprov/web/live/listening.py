"""Topics whose state a test sets, streams that remember, and what a page makes of its messages."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from bmprov.store import Transaction

_LINE = Markup("<p id={}>{}</p>")

_CARD = Markup("""
<section id={id}>
  <p>{notes}</p>
  <details id={id}-more><summary>more</summary>{notes}</details>
  <input id={id}-reason aria-label="reason">
  <button id={id}-go>go</button>
  <time datetime="{at}" data-show="ago">then</time>
  <dialog id={id}-sure>sure?</dialog>
</section>""")


@dataclass
class Board:
    """A topic that shows what a test writes on it, or raises it."""

    regions: dict[str, str] = field(default_factory=dict)
    every_s: float | None = None
    looks: int = 0
    fault: Exception | None = None

    def look(self, transaction: Transaction) -> Mapping[str, Markup]:
        assert transaction.now
        self.looks += 1
        if self.fault:
            raise self.fault
        return {name: Markup(html) for name, html in self.regions.items()}  # noqa: S704 - a test's own words


class Notes:
    """A topic of what is stored: why each machine is in maintenance."""

    every_s = None

    def look(self, transaction: Transaction) -> Mapping[str, Markup]:
        return {one.id: _LINE.format(one.id, one.maintenance) for one in transaction.machines.all()}


class Cards:
    """The same, with what people open, type and press."""

    every_s = None

    def look(self, transaction: Transaction) -> Mapping[str, Markup]:
        return {
            one.id: _CARD.format(id=one.id, notes=one.maintenance, at="2026-01-02T03:04:05+00:00")
            for one in transaction.machines.all()
        }


class Heard:
    """A stream that keeps what it was sent."""

    def __init__(self) -> None:
        self.open = True
        self.data = b""

    def send(self, data: bytes) -> None:
        self.data += data

    def end(self) -> None:
        self.open = False

    def take(self) -> list["Said"]:
        """What it was sent since the last call."""
        data, self.data = self.data, b""
        return list(read(data.decode().splitlines(keepends=True)))

    def kinds(self) -> list[str]:
        return [said.event for said in self.take()]


@dataclass(frozen=True)
class Said:
    """One message."""

    event: str
    data: Any
    etag: str = ""


def read(lines: Iterable[str]) -> Iterator[Said]:
    """An event stream as a browser reads it (WHATWG HTML, section 9.2.6), comments and `retry` left out."""
    event, data, etag = "", "", ""
    for line in lines:
        name, _, value = line.rstrip("\n").partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            data += value
        elif name == "id":
            etag = value
        elif not name and data:
            yield Said(event, json.loads(data), etag)
            event, data, etag = "", "", ""


@dataclass
class Reader:
    """A page: the regions that it shows and the etag of that."""

    etag: str = ""
    regions: dict[str, str] = field(default_factory=dict)
    resyncs: int = 0

    def hear(self, said: Said) -> None:
        if said.event == "regions":
            self.regions |= said.data
        if said.event == "resync":
            self.resyncs += 1
        self.etag = said.etag or self.etag


class Anybody:
    """A guest who is welcome until a test says otherwise."""

    welcome = True

    def still_welcome(self, transaction: Transaction) -> bool:
        assert transaction.now
        return self.welcome
