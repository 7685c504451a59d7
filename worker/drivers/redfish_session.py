"""Sessions on BMCs that speak Redfish (DSP0266, section 13.3.4), each used for as long as the BMC takes it.

A login costs a BMC seconds of its processor, and most have room for a handful of sessions. So a session is not closed
after each call but remembered, for whoever asks the same BMC next, whichever process that is. One that the BMC has
forgotten is made anew, once in a call. Nobody uses a session without holding the BMC.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

from sushy.exceptions import AccessError, HTTPError, SushyError

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcBusy, BmcRefused, BmprovError
from bmprov.power import BmcLogin
from worker.drivers.quirks import Meaning, meaning_of
from worker.drivers.redfish_answer import document, no_session_left
from worker.drivers.redfish_system import ComputerSystem
from worker.drivers.redfish_wire import Wire
from worker.http_answer import printable

logging.getLogger("sushy").setLevel(logging.CRITICAL)  # it logs as an error what is told in an exception too

_SCHEMES = {"redfish": "https", "redfish+http": "http"}
_ROOT = "/redfish/v1/"
_SESSIONS = "/redfish/v1/SessionService/Sessions"
_GOODBYE_S = 2.0
_NO_SESSIONS = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
_LATER = {
    HTTPStatus.CONFLICT,
    HTTPStatus.LOCKED,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,  # what BMCs also say to what they do not like: another way may be tried first
}


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
        if self.session(login):
            self._sessions.pop(login.address, None)


class CommandRefused(BmcRefused):
    """The BMC answered a request with an error of its own."""

    def __init__(self, login: BmcLogin, error: HTTPError) -> None:
        rights = f"check the rights of user '{login.user}' on it" if isinstance(error, AccessError) else ""
        super().__init__(f"BMC {login.address} refused ({readable(error)})", rights)
        self.status: int = error.status_code


@contextmanager
def redfish_system(login: BmcLogin, memory: SessionMemory, by: Deadline) -> Iterator[ComputerSystem]:
    """The computer system behind a BMC, as it is now.

    Raises:
        BmcUnreachable, BmcUntrusted, BmcBusy, BmcAuthFailed, BmcRefused: as `PowerDriver` has them.
    """
    wire = Wire(base_url(login), login, by)
    link = _Link(wire, login, memory)
    try:
        yield link.system()
    except AccessError as error:
        raise link.access_error(error) from error
    except HTTPError as error:
        raise _told(login, error) from error
    except SushyError as error:
        raise BmcRefused(
            f"BMC {login.address} does not speak Redfish as it should ({readable(error)})",
            "look for a newer firmware of the BMC; a blade's system can be named: redfish://HOST/redfish/v1/Systems/ID",
        ) from error
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
    if known is not None:
        _close(known, by)


class _Link:
    """A BMC and the session on it, within one call."""

    def __init__(self, wire: Wire, login: BmcLogin, memory: SessionMemory) -> None:
        self._wire = wire
        self._login = login
        self._memory = memory
        self._session: Session | None = None

    def system(self) -> ComputerSystem:
        """The system, with the session that is remembered or a new one."""
        known = self._memory.session(self._login)
        if known is None:
            root = self._log_in()
        else:
            root = {}
            self._use(known)
            self._wire.renew = self._renew if known.token else None
        session = self._session or Session(self._login)
        path = session.system or self._find(root or self._get(_ROOT))
        system = ComputerSystem(self._wire, path)
        if self._session and self._session.system != path:
            self._remember(replace(self._session, system=path))
        return system

    def access_error(self, error: AccessError) -> BmprovError:
        """What it means that we are not let in. Where a fresh session is not known, the password was right."""
        if error.status_code != HTTPStatus.UNAUTHORIZED:
            return _told(self._login, error)
        if self._session:  # else it is the login that was refused, and another's session stays remembered
            self._memory.forget(self._login)
        if self._session and self._session.token:
            self._abandon(self._session)
            return BmcBusy(
                f"BMC {self._login.address} takes the password and then ends the session at once",
                "look who else logs in to it, and whether its sessions are cleared",
            )
        return BmcAuthFailed(self._login.address, self._login.user)

    def _renew(self) -> None:
        """The BMC has forgotten the session: a new one, for the same system."""
        old, self._session = self._session or Session(self._login), None
        self._memory.forget(self._login)
        self._abandon(old)
        self._log_in(old.system)

    def _log_in(self, system: str = "") -> dict[str, Any]:
        self._wire.forget_session()
        root = self._get(_ROOT)
        if "Systems" not in root and "RedfishVersion" not in root:
            raise BmcBusy(
                f"BMC {self._login.address} shows no Redfish service", "it may be starting; else check its port"
            )
        session = replace(self._open(root), system=system)
        self._use(session)
        self._remember(session)  # before anything else can fail, or it would stay open and unknown
        return root

    def _open(self, root: dict[str, Any]) -> Session:
        """A new session; without a token where the BMC has none to give, and each request then carries the password."""
        if "SessionService" not in root and _linked(root, "Links", "Sessions") is None:
            return Session(self._login)
        where = _linked(root, "Links", "Sessions") or _SESSIONS
        try:
            answer = self._wire.post(where, data={"UserName": self._login.user, "Password": self._login.password})
        except HTTPError as error:
            if error.status_code in _NO_SESSIONS:
                return Session(self._login)
            raise
        body = document(answer)
        url = answer.headers.get("Location") or _linked(body)
        # some BMCs give a whole address, of an inner network even: only its path is used
        return Session(self._login, answer.headers.get("X-Auth-Token", ""), urlsplit(str(url or "")).path)

    def _use(self, session: Session) -> None:
        self._session = session
        if session.token:
            self._wire.set_http_session_auth(session.token)
        else:
            # as bytes, for requests takes texts for Latin-1, and a password with a letter outside it would be an error
            self._wire.set_http_basic_auth(session.login.user.encode(), session.login.password.encode())

    def _remember(self, session: Session) -> None:
        self._session = session
        try:
            self._memory.remember(session)
        except BaseException:
            self._abandon(session)
            raise

    def _abandon(self, session: Session) -> None:
        """Nobody will know it: closed, if the BMC has it still. Some answer 401 to what a user may not do."""
        self._wire.renew = None
        if session.token and session.url:
            with suppress(SushyError, BmprovError):
                self._wire.delete(session.url)

    def _find(self, root: dict[str, Any]) -> str:
        """The path of the system that is named, or of the only one."""
        if named := urlsplit(self._login.address).path.rstrip("/"):
            return named
        members = self._get(_linked(root, "Systems") or f"{_ROOT}Systems").get("Members")
        paths = [path for one in members if (path := _linked(one))] if isinstance(members, list) else []
        if len(paths) == 1:
            return paths[0]
        if not paths:
            raise BmcBusy(f"BMC {self._login.address} tells of no system", "it may be starting")
        raise BmcRefused(
            f"BMC {self._login.address} has {len(paths)} systems", f"name one: redfish://HOST{printable(paths[0], 80)}"
        )

    def _get(self, path: str) -> dict[str, Any]:
        return document(self._wire.get(path))


def _linked(value: object, *names: str) -> str | None:
    """The address in a resource's link, None where there is none of that shape."""
    for name in (*names, "@odata.id"):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None


def _told(login: BmcLogin, error: HTTPError) -> BmprovError:
    """A refusal in our words."""
    bmc, said, meaning = f"BMC {login.address}", readable(error), meaning_of(error.extended_info)
    told: BmprovError = CommandRefused(login, error)
    if meaning is Meaning.NO_SESSION_LEFT:
        told = no_session_left(login.address)
    elif meaning is Meaning.WRONG_PASSWORD:
        told = BmcAuthFailed(login.address, login.user)
    elif meaning is Meaning.NEW_PASSWORD_DUE:
        told = BmcRefused(f"{bmc} wants a new password for user '{login.user}'", "change it there, then enrol it")
    elif meaning is Meaning.NO_LICENCE:
        told = BmcRefused(f"{bmc} has no licence for this ({said})", "add the licence, or enrol the machine by IPMI")
    elif meaning is Meaning.BUSY or error.status_code in _LATER:
        told = BmcBusy(f"{bmc} cannot do it now ({said})", "wait, or look at its event log, or reset it")
    return told


def readable(error: Exception) -> str:
    """What a BMC said, for a terminal."""
    return printable(str(error))


def _close(session: Session, by: Deadline) -> None:
    if not session.token or not session.url:
        return
    wire = Wire(base_url(session.login), session.login, by.within(_GOODBYE_S))
    wire.set_http_session_auth(session.token)
    try:
        with suppress(SushyError, BmprovError):
            wire.delete(session.url)
    finally:
        wire.close()
