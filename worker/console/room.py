"""One machine's console and those who are at it: one writes, the others watch.

The line is opened for the first and closed after the last. What the machine wrote lately is kept in memory, so that who
comes later sees the screen, and forgotten with the room.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from worker.console.line import Line

_KEPT_BYTES = 32 * 1024


class Person(Protocol):
    """Somebody at the console."""

    who: str
    may_write: bool

    def show(self, characters: bytes) -> None:
        """Show what the machine wrote."""
        ...

    def tell(self, **words: Any) -> None:  # noqa: ANN401 - a JSON object
        """Tell something about the console."""
        ...


@dataclass
class Room:
    """A machine's console. Everything in it happens in the event loop's thread. Fulfils `Listener`.

    `record` gets what the machine writes, when the operator wants it kept; `closed` is told when the line is lost.
    """

    machine: str
    record: Callable[[bytes], None]
    closed: Callable[["Room", str], None]
    line: Line | None = None
    people: list[Person] = field(default_factory=list)
    writer: Person | None = None
    read_bytes: int = 0
    typed_bytes: int = 0
    _kept: bytearray = field(default_factory=bytearray)

    def enter(self, person: Person) -> None:
        """Somebody comes; the first who may write gets the keyboard."""
        self.people.append(person)
        if self._kept:
            person.show(bytes(self._kept))
        if self.writer is None and person.may_write:
            self.writer = person
        self._announce()

    def leave(self, person: Person) -> None:
        """Somebody goes; the keyboard is free for who asks for it."""
        if person in self.people:
            self.people.remove(person)
        if self.writer is person:
            self.writer = None
        self._announce()

    def take_keyboard(self, person: Person) -> bool:
        """Give the keyboard to who asks for it, and take it from who has it. Whether it changed hands."""
        if not person.may_write or self.writer is person or person not in self.people:
            return False
        self.writer = person
        self._announce()
        return True

    def type(self, person: Person, characters: bytes) -> None:
        """What somebody types; of the writer alone."""
        if person is self.writer and self.line is not None:
            self.typed_bytes += len(characters)
            self.line.write(characters)

    def send_break(self, person: Person) -> None:
        """A break, of the writer alone."""
        if person is self.writer and self.line is not None:
            self.line.send_break()

    def heard(self, characters: bytes) -> None:
        """The machine wrote."""
        self.read_bytes += len(characters)
        self._kept += characters
        del self._kept[:-_KEPT_BYTES]
        self.record(characters)
        for person in list(self.people):
            person.show(characters)

    def noticed(self, words: str) -> None:
        """Something about the line."""
        for person in list(self.people):
            person.tell(notice=words)

    def lost(self, why: str) -> None:
        """The line is gone."""
        self.line = None
        self.closed(self, why)

    def _announce(self) -> None:
        for person in list(self.people):
            watching = [one for one in self.people if one not in (person, self.writer)]
            person.tell(
                writing=person is self.writer,
                writer=self.writer.who if self.writer else "",
                watching=len(watching),
                may_write=person.may_write,
            )
