"""A serial port over IPMI. The login blocks and runs in a thread; afterwards the event loop has the socket."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any, Self

from bmprov.deadline import Deadline
from bmprov.power import BmcLogin
from worker.console.line import Listener
from worker.console.sol import LineLost, SolLine
from worker.drivers.bmc_lock import BmcLock
from worker.drivers.ipmi_serial import SerialSession, close_serial, open_serial
from worker.drivers.ipmi_session import Habits

OPEN_S = 12.0
_CLOSE_S = 2.0
_DATAGRAM_BYTES = 3000
_QUIET_S = 10.0
_SILENT_S = 30.0
_TICK_S = 1.0
_APP, _INSTANCE_INFO = 0x06, 0x4B
_SOL = (1, 1)  # payload type and instance


class IpmiLine:
    """An open line. Made by `open`."""

    name = "IPMI Serial over LAN"

    def __init__(self, session: SerialSession, listener: Listener) -> None:
        self._wire = session.wire
        self._session = session
        self._listener = listener
        self._line = SolLine(session.most)
        self._loop = asyncio.get_running_loop()
        self._socket = session.wire.socket
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at = self._asked_at = self._loop.time()
        self._powered = True
        self._open = True
        self._socket.setblocking(False)
        self._wire.sol_handler = self._payload
        self._loop.add_reader(self._socket, self._readable)
        self._turn()

    @classmethod
    async def open(cls, login: BmcLogin, lock: BmcLock, habits: Habits, listener: Listener, *, take_over: bool) -> Self:
        """Open it.

        Raises:
            ConsoleInUse, BmcUnreachable, BmcBusy, BmcAuthFailed, BmcRefused: as `open_serial` has them.
        """
        by = Deadline.after(OPEN_S)
        session = await asyncio.to_thread(open_serial, login, lock, habits, by, take_over=take_over)
        return cls(session, listener)

    def write(self, characters: bytes) -> None:
        """Type these."""
        if not self._line.write(characters):
            self._listener.noticed("the machine takes no more input now")
        self._turn()

    def send_break(self) -> None:
        """Send a break."""
        self._line.send_break()
        self._turn()

    async def close(self) -> None:
        """Deactivate Serial over LAN and log out."""
        if self._stop():
            await asyncio.to_thread(close_serial, self._session, Deadline.after(_CLOSE_S))

    def _stop(self) -> bool:
        was_open, self._open = self._open, False
        if was_open:
            self._loop.remove_reader(self._socket)
            if self._timer is not None:
                self._timer.cancel()
        return was_open

    def _lose(self, why: str, *, ours: bool = True) -> None:
        if self._stop():
            self._listener.lost(why)
            close = partial(close_serial, self._session, Deadline.after(_CLOSE_S), ours=ours)
            self._loop.run_in_executor(None, close)

    def _readable(self) -> None:
        while self._open:
            try:
                datagram = self._socket.recv(_DATAGRAM_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                self._lose(f"the BMC is not there any more ({error.strerror or error})")
                return
            self._heard_at = self._loop.time()
            self._wire.take(datagram)
        self._turn()

    def _payload(self, payload: bytearray) -> None:
        """A packet of Serial over LAN, already decrypted and known to be the BMC's."""
        characters, answer = self._line.received(bytes(payload), self._loop.time())
        if answer is not None:
            self._send(answer)
        if characters:
            self._listener.heard(characters)
        if self._line.powered != self._powered:
            self._powered = self._line.powered
            self._listener.noticed("the machine takes input again" if self._powered else "the machine is off or resets")
        if self._line.ended:
            self._lose("the BMC has closed the console, or another program has taken it", ours=False)

    def _turn(self) -> None:
        """Send what is due, and come again when something else is."""
        if not self._open:
            return
        now = self._loop.time()
        try:
            while (packet := self._line.outgoing(now)) is not None:
                self._send(packet)
        except LineLost:
            self._lose("the BMC does not take what is typed")
            return
        if now - self._heard_at > _SILENT_S:
            self._lose(f"the BMC has been silent for {now - self._heard_at:.0f} s")
            return
        if now - max(self._heard_at, self._asked_at) > _QUIET_S:
            self._asked_at = now
            with suppress(OSError):
                self._wire.send_command(_APP, _INSTANCE_INFO, _SOL, self._alive)
        due_at = self._line.due_at()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(min(now + _TICK_S, now + _TICK_S if due_at is None else due_at), self._turn)

    def _alive(self, answer: dict[str, Any]) -> None:
        """Whose the console is (Get Payload Instance Info, section 24.5): the session's number, 0 for nobody's."""
        owner = int.from_bytes(bytes(answer.get("data", b""))[:4], "little")
        if answer.get("code") == 0 and owner != self._wire.sessionid:
            why = "another program has taken the console" if owner else "the BMC has closed the console"
            self._lose(why, ours=False)

    def _send(self, packet: bytes) -> None:
        with suppress(OSError):  # it is sent again
            self._wire.send_serial(packet)
