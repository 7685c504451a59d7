"""Sessions of one BMC, and who is who (DSP0266, section 13.3; schemas SessionService and Session)."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from bmprov.sim.redfish.accounts import Accounts, User, same
from bmprov.sim.redfish.counts import Counts
from bmprov.sim.redfish.faults import RedfishFaults
from bmprov.sim.redfish.message import Answer, Document, Message, Refusal, Request, answer, parse, refusal
from bmprov.sim.redfish.privileges import READS, needed
from bmprov.sim.redfish.resource import ROOT, Resource, Tree, Writable, collection, judge, link, odata

SERVICE = f"{ROOT}/SessionService"
SESSIONS = f"{SERVICE}/Sessions"
_TIMEOUT_S = range(30, 86401)  # what the schema allows


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How many sessions at once, for how many seconds one may be idle, and the status that says there are no more."""

    sessions: int = 8
    idle_s: float = 1800.0
    full: int = HTTPStatus.BAD_REQUEST


@dataclass(frozen=True)
class Visitor:
    """Who makes a request, and in which session, if in one."""

    user: User
    session: str = ""


@dataclass
class _Session:
    user: User
    token: str = field(repr=False)
    began_at: float
    used_at: float


class Sessions:
    """All sessions of one BMC. `clock` gives seconds that only go forward."""

    def __init__(
        self,
        accounts: Accounts,
        limits: SessionLimits,
        faults: RedfishFaults,
        counts: Counts,
        clock: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._limits = limits
        self._faults = faults
        self._counts = counts
        self._clock = clock
        self._idle_s = limits.idle_s
        self._sessions: dict[str, _Session] = {}
        self._last = 0

    def active(self) -> int:
        """How many sessions are open."""
        now, lasts_s = self._clock(), self._faults.sessions_last_s or float("inf")
        self._sessions = {
            name: one
            for name, one in self._sessions.items()
            if now - one.used_at < self._idle_s and now - one.began_at < lasts_s and self._accounts.has(one.user)
        }
        return len(self._sessions)

    def end_all(self) -> None:
        """Forget them, as a BMC does that starts anew."""
        self._sessions.clear()

    def admit(self, request: Request) -> Visitor:
        """Whose token or user and password a request carries.

        Raises:
            Refusal: it carries none that is right.
        """
        token, basic = request.headers.get("x-auth-token"), request.headers.get("authorization", "")
        if token is not None:
            return self._holder(token)
        if not basic.lower().startswith("basic "):
            raise _unauthorized("NoValidSession")
        user = self._user(request, *_decoded(basic[6:]))
        if self._faults.refuses_sessions:
            raise self._full()
        return Visitor(user)

    def authorize(self, visitor: Visitor, request: Request) -> None:
        """Let pass what the visitor may do. One's own session may be ended, and one's own password changed, by all.

        Raises:
            Refusal: it needs a privilege that the visitor's role has not.
        """
        if visitor.user.may(needed(request.method, request.path)):
            return
        ends_own = request.method == "DELETE" and request.path == f"{SESSIONS}/{visitor.session}"
        if ends_own or (self._accounts.is_own(request.path, visitor.user) and _may_all(request)):
            return
        raise refusal(HTTPStatus.FORBIDDEN, "InsufficientPrivilege")

    def tree(self) -> Tree:
        """The resources about sessions."""
        anybody = frozenset({"POST"})
        return {
            SERVICE: Resource(self._service, self._change_service),
            SESSIONS: Resource(self._collection, post=self._open, member=self._resource, public=anybody),
            f"{SESSIONS}/Members": Resource(post=self._open, public=anybody),
        }

    def _holder(self, token: str) -> Visitor:
        self.active()
        for name, session in self._sessions.items():
            if same(session.token, token):
                session.used_at = self._clock()
                return Visitor(session.user, name)
        raise _unauthorized("NoValidSession")

    def _user(self, request: Request, name: str, password: str) -> User:
        user = self._accounts.find(name, password)
        if user is None:
            self._counts.failed_logins += 1
            raise _unauthorized("ResourceAtUriUnauthorized", request.path, "invalid user name or password")
        return user

    def _open(self, request: Request) -> Answer:
        user = self._user(request, *_credentials(parse(request)))
        if self._faults.refuses_sessions or self.active() >= self._limits.sessions:
            raise self._full()
        name, token, now = self._next_name(), secrets.token_hex(16), self._clock()
        self._sessions[name] = _Session(user, token, now, now)
        self._counts.logins += 1
        self._counts.most_sessions = max(self._counts.most_sessions, len(self._sessions))
        headers = {"X-Auth-Token": token, "Location": f"{SESSIONS}/{name}"}
        return answer(self._session(name), HTTPStatus.CREATED, headers)

    def _full(self) -> Refusal:
        return Refusal(self._limits.full, Message("SessionLimitExceeded"))

    def _next_name(self) -> str:
        self._last += 1
        return str(self._last)

    def _service(self) -> Document:
        return odata(SERVICE, "SessionService.v1_1_9", "Session Service") | {
            "Status": {"State": "Enabled", "Health": "OK"},
            "ServiceEnabled": True,
            "SessionTimeout": round(self._idle_s),
            "Sessions": link(SESSIONS),
        }

    def _change_service(self, sent: Document) -> None:
        wanted = judge(sent, {"SessionTimeout": Writable(int)}, self._service())["SessionTimeout"]
        if wanted not in _TIMEOUT_S:
            raise refusal(HTTPStatus.BAD_REQUEST, "PropertyValueNotInList", str(wanted), "SessionTimeout")
        self._idle_s = wanted

    def _collection(self) -> Document:
        self.active()
        return collection(SESSIONS, "Session", "Sessions", [f"{SESSIONS}/{name}" for name in self._sessions])

    def _session(self, name: str) -> Document:
        told = odata(f"{SESSIONS}/{name}", "Session.v1_7_1", "User Session")
        return told | {"UserName": self._sessions[name].user.name, "SessionType": "Redfish"}

    def _resource(self, name: str) -> Resource | None:
        self.active()
        if name not in self._sessions:
            return None
        return Resource(lambda: self._session(name), remove=lambda: self._close(name))

    def _close(self, name: str) -> None:
        self._sessions.pop(name, None)


def _credentials(sent: Document) -> tuple[str, str]:
    for name in ("UserName", "Password"):
        if name not in sent:
            raise refusal(HTTPStatus.BAD_REQUEST, "CreateFailedMissingReqProperties", name)
        if not isinstance(sent[name], str):
            raise refusal(HTTPStatus.BAD_REQUEST, "PropertyValueTypeError", "a value", name)
    return sent["UserName"], sent["Password"]


def _may_all(request: Request) -> bool:
    """Whether everybody may do this with the own account: read it, and change the password."""
    changes = request.method == "PATCH" and all(name == "Password" or "@" in name for name in parse(request))
    return changes or request.method in READS


def _decoded(encoded: str) -> tuple[str, str]:
    """User and password of Basic authentication (RFC 7617)."""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


def _unauthorized(name: str, *arguments: str) -> Refusal:
    asks = {"WWW-Authenticate": 'Basic realm="BMC", charset="UTF-8"'}
    return Refusal(HTTPStatus.UNAUTHORIZED, Message(name, arguments), headers=asks)
