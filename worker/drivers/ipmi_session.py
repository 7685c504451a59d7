"""Sessions on BMCs: logging in with the right suite and privilege, commands, logging out.

IPMI 2.0, section 13. A login tries what the BMC may want instead (the other cipher suite, operator in place of
administrator) and remembers the suite, so that only the first session with a BMC pays for it.
"""

import socket
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from pyghmi.ipmi.private import constants

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcBusy, BmcRefused, BmcSilent, BmcUnreachable
from bmprov.power import BmcLogin
from worker.drivers.ipmi_wire import SUITES, Datagrams, Privilege, RoleRefused, SuiteRefused, Unanswered, Wire

_Peer = tuple[socket.AddressFamily, Any]

_PORT = 623
_LOGINS = 5
_GOODBYE_S = 0.5
_NO_PRIVILEGE = 0xD4
_PRIVILEGES = {"administrator": Privilege.ADMINISTRATOR, "operator": Privilege.OPERATOR}
_BUSY = {0xC0, 0xC3, 0xCE, 0xCF, 0xD0, 0xD1, 0xD2}

Connect = Callable[[BmcLogin], Datagrams]
"""Opens the socket of a session."""


@dataclass(frozen=True)
class Habit:
    """What a BMC took last: the cipher suite, and whether it lets itself be asked without preliminaries (`Wire`)."""

    suite: int
    brief: bool = True


Habits = MutableMapping[str, Habit]
"""The habits of BMCs by address. A plain dictionary does, shared by the drivers of a process."""


class CommandRefused(BmcRefused):
    """The BMC answered a command with the completion code `code` (IPMI 2.0, table 5-2)."""

    def __init__(self, address: str, what: str, code: int) -> None:
        reason = constants.ipmi_completion_codes.get(code, "a code of its own")
        check = "operator privilege of the user" if code == _NO_PRIVILEGE else "whether this BMC supports it"
        super().__init__(f"BMC {address} refused to {what} ({code:#04x}: {reason})", f"check {check}")
        self.code = code


class BmcSilentAtLogin(BmcUnreachable):
    """The BMC answers, and stops when it is told who logs in."""

    def __init__(self, login: BmcLogin, waited_s: float) -> None:
        super().__init__(
            f"BMC {login.address} stopped answering for {waited_s:.3g} s when user '{login.user}' logged in",
            "check the user name (some BMCs ignore an unknown one) and the load of the BMC",
        )


class BmcNotThere(BmcUnreachable):
    """The network says that nobody is there, which needs no waiting."""

    def __init__(self, address: str, error: OSError) -> None:
        super().__init__(
            f"BMC {address} is not there ({error.strerror or error})",
            "check its address and its UDP port, and that IPMI over LAN is enabled",
        )


class IpmiSession:
    """A session that is logged in."""

    def __init__(self, wire: Wire, address: str) -> None:
        self._wire = wire
        self._address = address

    def ask(self, what: str, netfn: int, command: int, data: Sequence[int] = ()) -> bytes:
        """Send a command and return the answer's data. `what` follows "refused to" in the error.

        Raises:
            CommandRefused: any completion code that does not ask for patience.
        """
        answer = self.raw(netfn, command, data)
        code = answer["code"]
        if code in _BUSY:
            raise BmcBusy(f"BMC {self._address} is too busy to {what} ({code:#04x})", "wait, or reset the BMC")
        if code:
            raise CommandRefused(self._address, what, code)
        return bytes(answer["data"])

    def raw(self, netfn: int, command: int, data: Sequence[int] = (), lun: int = 0) -> dict[str, Any]:
        """Send a command and return pyghmi's answer: `data`, and `code` with its `error` when that is not zero."""
        answer: dict[str, Any] = self._wire.raw_command(netfn, command, data=data, rslun=lun)
        if answer["code"] == _NO_PRIVILEGE and self._wire.brief:
            self._wire.rise()
            answer = self._wire.raw_command(netfn, command, data=data, rslun=lun)
        return answer

    def until(self, by: Deadline) -> None:
        """The deadline of what comes next."""
        self._wire.by = by


@contextmanager
def ipmi_session(
    login: BmcLogin, habits: Habits, by: Deadline, connect: Connect | None = None, *, brief: bool = False
) -> Iterator[IpmiSession]:
    """Log in, and log out whatever happens. `connect` opens another kind of socket than the system's own.

    `brief` is for one command that every user may give, as `Wire` has it.

    Raises:
        BmcUnreachable: no answer before the deadline, or the network says that nobody is there.
        BmcBusy, BmcAuthFailed, BmcRefused: as `PowerDriver` has them.
    """
    with explained(login, by):
        wire = log_in(login, habits, by, connect or connected, brief=brief)
        try:
            yield IpmiSession(wire, login.address)
        finally:
            log_out(wire)


@contextmanager
def explained(login: BmcLogin, by: Deadline) -> Iterator[None]:
    """A session that breaks off within is told as `ipmi_session` tells it."""
    began_at = by.clock()
    try:
        yield
    except Unanswered as silence:
        raise _silence(login, by.clock() - began_at, name_sent=silence.name_sent) from silence
    except OSError as error:
        raise BmcNotThere(login.address, error) from error


def _silence(login: BmcLogin, waited_s: float, *, name_sent: bool) -> BmcUnreachable:
    return BmcSilentAtLogin(login, waited_s) if name_sent else BmcSilent(login.address, waited_s)


def log_in(login: BmcLogin, habits: Habits, by: Deadline, connect: Connect, *, brief: bool = False) -> Wire:
    """Log in; the caller logs out. To be called within `explained`."""
    known = habits.get(login.address)
    suites = _suites(login.cipher_suites, known and known.suite)
    if not suites:
        raise _no_suite(login)
    takes_brief = known is None or known.brief
    brief = brief and takes_brief
    # several BMCs let only administrators set the boot device
    privilege = _PRIVILEGES.get(login.privilege, Privilege.ADMINISTRATOR)
    silences = 0
    while True:
        try:
            wire = _attempt(connect(login), login, suites[0], privilege, by, brief=brief)
        except SuiteRefused:
            suites = suites[1:]
            if not suites:
                raise _no_suite(login) from None
        except RoleRefused:
            if privilege is Privilege.OPERATOR or login.privilege:
                raise BmcAuthFailed(login.address, login.user) from None
            privilege = Privilege.OPERATOR
        except Unanswered:
            silences += 1
            if silences == _LOGINS or by.passed:
                raise
            suites = suites[1:] + suites[:1]  # some are silent where they should refuse a suite
            takes_brief, brief = takes_brief and not brief, False  # or want to be asked first what they speak
        else:
            habits[login.address] = Habit(wire.suite, takes_brief)
            return wire


def _attempt(sock: Datagrams, login: BmcLogin, suite: int, privilege: Privilege, by: Deadline, *, brief: bool) -> Wire:
    try:
        return Wire(sock, login, suite, privilege, by, brief=brief)
    except BaseException:
        sock.close()
        raise


def connected(login: BmcLogin) -> socket.socket:
    """A connected socket: strangers' datagrams never reach us, and a closed port is told at once."""
    # A host name is looked up here, and no deadline bounds that: addresses of BMCs are better given as numbers.
    family, address = _numeric(login.address) or _resolved(login.address)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def _resolved(address: str, flags: int = 0) -> _Peer:
    url = urlsplit(address)
    found = socket.getaddrinfo(url.hostname, url.port or _PORT, type=socket.SOCK_DGRAM, flags=flags)
    return found[0][0], found[0][4]


@lru_cache(maxsize=16_384)
def _numeric(address: str) -> _Peer | None:
    """Where a BMC is; None for a host name, which is looked up anew each time."""
    try:
        return _resolved(address, socket.AI_NUMERICHOST)
    except socket.gaierror:
        return None


@lru_cache
def _suites(pinned: tuple[int, ...], known: int | None) -> tuple[int, ...]:
    """Suites to offer, in order: the one that did last time, then as pinned, else the strongest first."""
    allowed = [number for number in pinned or SUITES if number in SUITES]
    return tuple(sorted(allowed, key=lambda number: number != known))


def _no_suite(login: BmcLogin) -> BmcRefused:
    offered = " or ".join(str(number) for number in login.cipher_suites or SUITES)
    spoken = " or ".join(str(number) for number in SUITES)
    return BmcRefused(
        f"BMC {login.address} and this driver have no cipher suite in common (offered: {offered})",
        f"enable suite {spoken} on the BMC, and check the suites pinned for it",
    )


def log_out(wire: Wire) -> None:
    """Close the session, and wait a moment for the answer: a BMC with one slot is then free for the next caller."""
    wire.by = wire.by.within(_GOODBYE_S)
    # Whoever is silent now has forgotten the session or will, by its own timeout.
    with closing(wire.socket), suppress(Unanswered, OSError):
        wire.close_session()
