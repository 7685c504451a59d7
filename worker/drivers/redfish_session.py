"""Sessions on BMCs that speak Redfish (DSP0266, section 13.3.4), each used for as long as the BMC takes it.

A login costs a BMC seconds of its processor, and most have room for a handful of sessions. So a session is not closed
after each call but remembered, for whoever asks the same BMC next, whichever process that is. One that the BMC has
forgotten is made anew, once. Nobody uses a session without holding the BMC.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

from sushy import Sushy
from sushy.auth import AuthBase
from sushy.exceptions import AccessError, HTTPError, SushyError
from sushy.resources.system.system import System

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcBusy, BmcRefused, BmprovError
from bmprov.power import BmcLogin
from worker.drivers.redfish_wire import Wire

logging.getLogger("sushy").setLevel(logging.CRITICAL)  # it logs as an error what is told in an exception too

_SCHEMES = {"redfish": "https", "redfish+http": "http"}
_GOODBYE_S = 2.0


@dataclass(frozen=True)
class Session:
    """What is remembered of a BMC: whose session it is, its token, where it is closed, and where the system is."""

    login: BmcLogin
    token: str = field(default="", repr=False)
    url: str = ""
    system: str = ""


class SessionMemory(Protocol):
    """Remembers the session of each BMC."""

    def session(self, login: BmcLogin) -> Session | None:
        """The session of this login."""
        ...

    def remember(self, session: Session) -> None:
        """Keep a session for the next one."""
        ...

    def forget(self, login: BmcLogin) -> None:
        """The BMC does not know it any more."""
        ...


class LocalSessions:
    """Remembers sessions within one process."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def session(self, login: BmcLogin) -> Session | None:
        """The session of this login."""
        known = self._sessions.get(login.address)
        return known if known and known.login == login else None

    def remember(self, session: Session) -> None:
        """Keep a session for the next one."""
        self._sessions[session.login.address] = session

    def forget(self, login: BmcLogin) -> None:
        """The BMC does not know it any more."""
        self._sessions.pop(login.address, None)


class SessionExpired(Exception):
    """The BMC has forgotten the session: nothing was done, and the caller logs in anew."""


class CommandRefused(BmcRefused):
    """The BMC answered a request with an error of its own."""

    def __init__(self, login: BmcLogin, error: HTTPError) -> None:
        super().__init__(
            f"BMC {login.address} refused ({readable(error)})", f"check the rights of user '{login.user}' on it"
        )
        self.status: int = error.status_code


@contextmanager
def redfish_system(login: BmcLogin, memory: SessionMemory, by: Deadline) -> Iterator[System]:
    """The computer system behind a BMC, as it is now.

    Raises:
        SessionExpired: from within, when the session that was remembered is used and the BMC does not take it.
        BmcUnreachable, BmcUntrusted, BmcBusy, BmcAuthFailed, BmcRefused: as `PowerDriver` has them.
    """
    wire = Wire(base_url(login), login, by)
    known = memory.session(login)
    try:
        with _translated(login, known, memory):
            if known and known.system:
                _use(wire, known)
                yield System(wire, known.system)
            else:
                yield _log_in(wire, login, known, memory)
    finally:
        wire.close()


def base_url(login: BmcLogin) -> str:
    """Where its HTTP is."""
    parts = urlsplit(login.address)
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}"


def log_out(login: BmcLogin, memory: SessionMemory, by: Deadline) -> None:
    """Close the session that is remembered, if there is one. A BMC that cannot be asked closes it when it is idle."""
    known = memory.session(login)
    memory.forget(login)
    if known is None or not known.token:
        return
    wire = Wire(base_url(login), login, by.within(_GOODBYE_S))
    wire.set_http_session_auth(known.token)
    try:
        with suppress(SushyError, BmprovError):
            wire.delete(known.url)
    finally:
        wire.close()


def _log_in(wire: Wire, login: BmcLogin, known: Session | None, memory: SessionMemory) -> System:
    root = Sushy(base_url(login), auth=_Nobody(), connector=wire)
    wire.set_auth(None)
    session = known or _session(root, login)
    _use(wire, session)
    memory.remember(session)  # before anything else can fail, or it would stay open and unknown
    system = root.get_system(urlsplit(login.address).path.rstrip("/") or None)
    memory.remember(replace(session, system=system.path))
    return system


def _session(root: Sushy, login: BmcLogin) -> Session:
    """A new session; without a token where the BMC has none to give, and each request then carries the password."""
    if "SessionService" not in root.json and "Sessions" not in root.json.get("Links", {}):
        return Session(login)
    try:
        token, url = root.create_session(login.user, login.password)
    except HTTPError as error:
        said = str(error)
        if "SessionLimitExceeded" in said:
            raise BmcBusy(f"BMC {login.address} has no session left", "look who else logs in to it") from error
        if isinstance(error, AccessError) or "Unauthorized" in said:  # HPE's iLO answers 400
            raise BmcAuthFailed(login.address, login.user) from error
        return Session(login)
    # some BMCs give a whole address, of an inner network even: only its path is used
    return Session(login, token, urlsplit(url or "").path)


def _use(wire: Wire, session: Session) -> None:
    if session.token:
        wire.set_http_session_auth(session.token)
    else:
        wire.set_http_basic_auth(session.login.user, session.login.password)


class _Nobody(AuthBase):  # type: ignore[misc] # sushy ships no types
    """Asks without logging in: the service's root is there for everybody (DSP0266, section 13.3.1)."""

    def _do_authenticate(self) -> None:
        pass

    def can_refresh_session(self) -> bool:
        return False


@contextmanager
def _translated(login: BmcLogin, known: Session | None, memory: SessionMemory) -> Iterator[None]:
    try:
        yield
    except AccessError as error:
        if error.status_code != HTTPStatus.UNAUTHORIZED:
            raise CommandRefused(login, error) from error
        memory.forget(login)
        if known and known.token:
            raise SessionExpired from error
        raise BmcAuthFailed(login.address, login.user) from error
    except HTTPError as error:
        raise CommandRefused(login, error) from error
    except SushyError as error:
        raise BmcRefused(
            f"BMC {login.address} does not speak Redfish as it should ({readable(error)})",
            "look for a newer firmware of the BMC; a blade's system can be named: redfish://HOST/redfish/v1/Systems/ID",
        ) from error


def readable(error: Exception) -> str:
    """What a BMC said, for a terminal: on one line, and not for ever."""
    return "".join(letter for letter in str(error) if letter.isprintable())[:300]
