"""Opening and closing Serial over LAN (IPMI 2.0, sections 24.1, 24.2, 26.3).

What goes over it once it is open is `worker.console.sol`'s.
"""

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from bmprov.deadline import Deadline
from bmprov.errors import BmcBusy, BmcRefused
from bmprov.power import BmcLogin
from worker.drivers.bmc_lock import BmcLock
from worker.drivers.ipmi_session import (
    CommandRefused,
    Habits,
    IpmiSession,
    connected,
    explained,
    log_in,
    log_out,
)
from worker.drivers.ipmi_wire import Unanswered, Wire

_APP, _TRANSPORT = 0x06, 0x0C
_ACTIVATE, _DEACTIVATE, _SOL_PARAMETERS = 0x48, 0x49, 0x22
_SOL = (1, 1)  # payload type and instance
_ENCRYPTED = (0xC0, 0, 0, 0)
_THIS_CHANNEL, _SOL_ENABLE = 0x0E, 1
_UNKNOWN_COMMAND = 0xC1
_IN_USE = 0x80
_PORT = 623
_LEAST_BYTES = 16
_WHY = {
    0x81: ("has Serial over LAN switched off", "enable it: `ipmitool sol set enabled true`, or in the BMC's settings"),
    0x82: ("has no more room for a console", "close another one"),
    0x83: ("does not encrypt Serial over LAN", "look for a newer firmware of the BMC"),
}


class ConsoleInUse(BmcBusy):
    """Another program has the console. It may be taken from it."""

    def __init__(self, address: str) -> None:
        super().__init__(f"another program has the console of BMC {address}", "take it over, or close that program")


@dataclass(frozen=True)
class SerialSession:
    """A session whose Serial over LAN is active. `most` is how many bytes of a payload the BMC takes."""

    wire: Wire
    most: int


def has_serial(session: IpmiSession) -> bool:
    """Whether the BMC has Serial over LAN and it is enabled. One that does not tell is thought to have it."""
    answer = session.raw(_TRANSPORT, _SOL_PARAMETERS, [_THIS_CHANNEL, _SOL_ENABLE, 0, 0])
    if answer["code"]:
        return bool(answer["code"] != _UNKNOWN_COMMAND)
    told = bytes(answer["data"])
    return len(told) < len(_SOL) or bool(told[1] & 1)


def open_serial(
    login: BmcLogin, lock: BmcLock, habits: Habits, by: Deadline, *, take_over: bool = False
) -> SerialSession:
    """Log in and activate Serial over LAN. The BMC is held meanwhile, and not afterwards: a console stays open long.

    Raises:
        ConsoleInUse: another has it, unless it is to be taken over.
        BmcUnreachable, BmcBusy, BmcAuthFailed, BmcRefused: as `PowerDriver` has them.
    """
    with lock.hold(login.address, by), explained(login, by):
        wire = log_in(login, habits, by, connected)
        try:
            return SerialSession(wire, _activate(IpmiSession(wire, login.address), login.address, take_over=take_over))
        except BaseException:
            log_out(wire)
            raise


def close_serial(session: SerialSession, by: Deadline, *, ours: bool = True) -> None:
    """Deactivate and log out. A BMC that is silent ends it by itself, when the session has been idle for long.

    With `ours` false another has the console by now, whom a deactivation would cut off: it names no session.
    """
    wire = session.wire
    wire.by = by
    wire.sol_handler = None
    wire.incommand = False
    try:
        if ours:
            with suppress(Unanswered, OSError):
                wire.raw_command(_APP, _DEACTIVATE, data=(*_SOL, 0, 0, 0, 0))
    finally:
        log_out(wire)


def _activate(session: IpmiSession, address: str, *, take_over: bool) -> int:
    """Activate it, and tell how many bytes of a payload the BMC takes."""
    try:
        told = _ask(session)
    except CommandRefused as refusal:
        if refusal.code == _IN_USE and take_over:
            session.raw(_APP, _DEACTIVATE, (*_SOL, 0, 0, 0, 0))
            told = _ask(session)
        elif refusal.code == _IN_USE:
            raise ConsoleInUse(address) from None
        else:
            why, check = _WHY.get(refusal.code, ("", ""))
            raise (BmcRefused(f"BMC {address} {why}", check) if why else refusal) from None
    port = int.from_bytes(told[8:10], "little")
    known = urlsplit(address).port or _PORT
    # some tell it in the other byte order, and ipmi_sim and others behind a relay tell the port that they are bound to
    if port not in (0, _PORT, known, int.from_bytes(known.to_bytes(2, "big"), "little")):
        raise BmcRefused(f"BMC {address} wants its console on UDP port {port}", "set its SOL payload port to the same")
    return max(int.from_bytes(told[4:6], "little"), _LEAST_BYTES)


def _ask(session: IpmiSession) -> bytes:
    return session.ask("open its console", _APP, _ACTIVATE, (*_SOL, *_ENCRYPTED)).ljust(12, b"\0")
