"""All consoles of a process: a room for each machine that somebody looks at."""

import asyncio
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from bmprov.console import Admission
from bmprov.errors import BmprovError
from bmprov.hardware import Console, ConsoleKind
from bmprov.lifecycle import State
from bmprov.model import Machine
from bmprov.store import Store
from worker.console.line import Line
from worker.console.lines import Lines
from worker.console.room import Room
from worker.console.visitor import Visitor
from worker.drivers.ipmi_serial import ConsoleInUse

log = structlog.get_logger()

_LOOK_S = 2.0
_NO_MORE = "the instance no longer has this machine, or it is not running there any more"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass
class _Open:
    """A room with what belongs to it. `turn` is held while its line is being opened."""

    room: Room
    machine: Machine
    file: int | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class House:
    """Lets visitors in and out. `records` is the folder for what machines write; None keeps nothing."""

    def __init__(self, store: Store, lines: Lines, records: Path | None) -> None:
        self._store = store
        self._lines = lines
        self._records = records
        self._rooms: dict[str, _Open] = {}

    async def visit(self, visitor: Visitor, *, take_over: bool) -> Room | None:
        """Let a visitor in; None when that is not possible, which the visitor was told.

        `take_over` is for a console that another program has.
        """
        try:
            machine = await asyncio.to_thread(self._machine, visitor.admission)
            if machine is None:
                visitor.end(_NO_MORE, "look at the instance's state in CloudStack")
                return None
            console = await self._lines.console_of(machine)
            if not console.serial:
                _elsewhere(visitor, machine, console)
                return None
            return await self._enter(visitor, machine, console, take_over=take_over)
        except ConsoleInUse as error:
            visitor.tell(in_use=str(error), may_write=visitor.may_write)
        except BmprovError as error:
            visitor.end(error.why, error.check)
        return None

    async def leave(self, visitor: Visitor, room: Room, began: float) -> None:
        """Let a visitor go; after the last, the line is closed."""
        room.leave(visitor)
        minutes, seconds = divmod(int(time.monotonic() - began), 60)
        told = f"after {minutes} min {seconds:02d} s; {room.read_bytes} bytes read, {room.typed_bytes} typed in all"
        await self._log("console closed", visitor, room.machine, told)
        if not room.people:
            await self._close(visitor.admission.machine_id, room)

    async def keyboard(self, visitor: Visitor, room: Room) -> None:
        """Give the keyboard to a visitor who asks for it."""
        before = room.writer
        if room.take_keyboard(visitor):
            await self._log("console keyboard", visitor, room.machine, f"from {before.who}" if before else "")

    async def watch(self) -> None:
        """Show those out whose instance no longer has the machine. Until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)  # the interval of the looks itself
            for there in list(self._rooms.values()):
                with suppress(BmprovError):  # the database is away; it is looked again
                    for visitor in [one for one in there.room.people if isinstance(one, Visitor)]:
                        if await asyncio.to_thread(self._machine, visitor.admission) is None:
                            visitor.end(_NO_MORE)
                            there.room.leave(visitor)

    async def close(self) -> None:
        """Close every line; who is there is told."""
        for machine_id, there in list(self._rooms.items()):
            self._show_out(there.room, "bmprov's console service stops", "open the console again in a moment")
            there.room.people.clear()
            await self._close(machine_id, there.room)

    async def _enter(self, visitor: Visitor, machine: Machine, console: Console, *, take_over: bool) -> Room:
        while True:
            if machine.id not in self._rooms:
                self._rooms[machine.id] = self._new(machine)
            there = self._rooms[machine.id]
            async with there.turn:
                if self._rooms.get(machine.id) is there:
                    line = await self._open(there, visitor, console, take_over=take_over)
                    there.room.enter(visitor)
                    break
        await self._log("console opened", visitor, machine.name, f"by {line.name}")
        return there.room

    async def _open(self, there: _Open, visitor: Visitor, console: Console, *, take_over: bool) -> Line:
        """The room's line, opened unless it is open already."""
        room, machine = there.room, there.machine
        if room.line is None:
            visitor.tell(opening=machine.name)
            try:
                room.line = await self._lines.open(machine, console, room, take_over=take_over)
            except BaseException:
                self._drop(machine.id, room)
                raise
            log.info("console opened", machine=machine.name, by=room.line.name)
        visitor.tell(machine=machine.name, by=room.line.name, recorded=there.file is not None)
        return room.line

    def _new(self, machine: Machine) -> _Open:
        file = self._record(machine.name)
        record = partial(_append, file) if file is not None else _keep_nothing
        return _Open(Room(machine.name, record, lambda room, why: self._lost(machine.id, room, why)), machine, file)

    def _record(self, machine: str) -> int | None:
        if self._records is None:
            return None
        name = f"{_UNSAFE.sub('_', machine)}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.log"
        try:
            self._records.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self._records / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            log.warning("what a machine writes cannot be kept", machine=machine, error=str(error))
            return None

    def _lost(self, machine_id: str, room: Room, why: str) -> None:
        self._show_out(room, why, "open the console again")
        self._drop(machine_id, room)

    @staticmethod
    def _show_out(room: Room, why: str, check: str) -> None:
        for visitor in list(room.people):
            if isinstance(visitor, Visitor):
                visitor.end(why, check)

    async def _close(self, machine_id: str, room: Room) -> None:
        """Close the line of a room in which nobody is any more; who comes meanwhile waits for that."""
        there = self._rooms.get(machine_id)
        if there is None or there.room is not room:
            return
        async with there.turn:
            if not room.people:
                line, room.line = room.line, None
                if line is not None:
                    await line.close()
                self._drop(machine_id, room)

    def _drop(self, machine_id: str, room: Room) -> None:
        there = self._rooms.get(machine_id)
        if there is not None and there.room is room:
            del self._rooms[machine_id]
            if there.file is not None:
                os.close(there.file)

    def _machine(self, admission: Admission) -> Machine | None:
        """The machine, as long as the admission holds: an instance's ends with it, and counts while it runs."""
        with self._store.read() as transaction:
            machine = transaction.machines.get(admission.machine_id)
        if machine is None or not admission.instance_id:
            return machine
        mine = machine.instance_id == admission.instance_id and machine.state is State.ACTIVE
        return machine if mine else None

    async def _log(self, what: str, visitor: Visitor, machine: str, detail: str) -> None:
        """Keep who did what. Not what was typed or shown."""

        def keep() -> None:
            with suppress(BmprovError), self._store.write() as transaction:
                transaction.events.add(
                    what,
                    actor=visitor.who,
                    origin=visitor.origin,
                    machine=machine,
                    instance_id=visitor.admission.instance_id,
                    detail=detail,
                )

        await asyncio.to_thread(keep)


def _elsewhere(visitor: Visitor, machine: Machine, console: Console) -> None:
    if console.kind is ConsoleKind.GRAPHICAL:
        why = f"the BMC of {machine.name} has no serial console"
        visitor.end(why, "its graphical one opens", graphical=console.address)
    else:
        check = "enable Serial over LAN in its settings, then look with `bmprov machine check`"
        visitor.end(f"the BMC of {machine.name} offers no console", check)


def _keep_nothing(_characters: bytes) -> None:
    """What machines write is nobody's business."""


def _append(file: int, characters: bytes) -> None:
    with suppress(OSError):  # a full disk must not end the console
        os.write(file, characters)
