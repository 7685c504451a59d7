"""A simulated BMC that speaks Redfish: one request in, one answer out, and no I/O.

DSP0266 (Redfish Protocol Specification). `endpoint` puts it on a TCP port. Refused: queries, subscriptions, and
the update of firmware.
"""

import time
from collections.abc import Callable
from http import HTTPStatus

from bmprov.sim.chassis import Chassis
from bmprov.sim.facts import MachineFacts
from bmprov.sim.faults import FaultyChassis, Later
from bmprov.sim.ipmi.session import Account
from bmprov.sim.readings import Readings
from bmprov.sim.redfish.accounts import Accounts
from bmprov.sim.redfish.counts import Counts
from bmprov.sim.redfish.enclosure import Enclosure
from bmprov.sim.redfish.event_log import EventLog
from bmprov.sim.redfish.faults import RedfishFaults
from bmprov.sim.redfish.manager import Manager
from bmprov.sim.redfish.media import VirtualMedia
from bmprov.sim.redfish.message import Answer, Message, Refusal, Request, answer, parse, refusal
from bmprov.sim.redfish.privileges import Privilege
from bmprov.sim.redfish.resource import Resource, etag
from bmprov.sim.redfish.service import METADATA, metadata, service_tree
from bmprov.sim.redfish.sessions import SessionLimits, Sessions
from bmprov.sim.redfish.system import SystemFace

_METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS")
_VERSION = "4.0"
_RESTART_S = 1.0


class RedfishBmc:
    """The BMC of one machine.

    `later` is an event loop's `call_later`, for what takes time, and `clock` its `time`. `faults` may be changed at any
    time.
    """

    def __init__(
        self,
        chassis: Chassis,
        account: Account,
        later: Later,
        clock: Callable[[], float],
        *,
        facts: MachineFacts | None = None,
        limits: SessionLimits | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        facts = facts or MachineFacts("simulated")
        self.chassis = chassis
        self.faults = RedfishFaults()
        self.counts = Counts()
        self.log = EventLog(wall)
        self.manager = Manager(facts, self.restart, wall)
        self.accounts = Accounts(account)
        self.sessions = Sessions(self.accounts, limits or SessionLimits(), self.faults, self.counts, clock)
        self._clock = clock
        self._away_until = float("-inf")
        seen = FaultyChassis(chassis, self.faults, later)
        self.system = SystemFace(seen, facts, self.faults, self.log, self.counts)
        self._tree = service_tree(facts)
        enclosure, media = Enclosure(Readings(seen, facts)), VirtualMedia(seen, self.faults, self.log)
        for part in (self.system, enclosure, media, self.manager, self.log, self.accounts, self.sessions):
            self._tree |= part.tree()

    @property
    def open_sessions(self) -> int:
        """How many sessions are logged in."""
        return self.sessions.active()

    @property
    def is_away(self) -> bool:
        """Whether it is starting anew, so that nobody listens."""
        return self._clock() < self._away_until

    @property
    def is_there(self) -> bool:
        """Whether anybody who connects is answered."""
        return not (self.faults.silent or self.is_away)

    def lets_at_console(self, name: str, password: str) -> bool:
        """Whether this account may use the machine's serial console."""
        user = self.accounts.find(name, password)
        return user is not None and user.may(Privilege.CONFIGURE_COMPONENTS)

    def answer(self, request: Request) -> Answer:
        """The answer to a request."""
        path = _plain(request.path)
        self.counts.requests[request.method, path] += 1
        try:
            told = self.faults.instead() or self._answer(
                Request(request.method, path, request.headers, request.body, request.query)
            )
        except Refusal as refused:
            told = refused.answer
        return Answer(told.status, told.body, {"OData-Version": _VERSION, "Cache-Control": "no-cache", **told.headers})

    def _answer(self, request: Request) -> Answer:
        if request.headers.get("odata-version", _VERSION) != _VERSION:
            raise refusal(HTTPStatus.PRECONDITION_FAILED, "HeaderInvalid", "OData-Version")
        resource = self._find(request.path)
        is_public = resource is not None and request.method in resource.public
        visitor = None if is_public else self.sessions.admit(request)
        if resource is None:
            raise refusal(HTTPStatus.NOT_FOUND, "ResourceMissingAtURI", request.path)
        if request.method not in resource.methods:
            raise _not_allowed(request.method, resource)
        if visitor is not None:
            self.sessions.authorize(visitor, request)
        if any(name.startswith("$") for name in request.query.split("&")):
            raise refusal(HTTPStatus.NOT_IMPLEMENTED, "QueryNotSupported")
        return self._obey(request, resource)

    def _find(self, path: str) -> Resource | None:
        found = self._tree.get(path)
        if found is None:
            above, _, name = path.rpartition("/")
            parent = self._tree.get(above)
            found = parent.member(name) if parent and parent.member else None
        return found

    def _obey(self, request: Request, resource: Resource) -> Answer:
        if request.method == "POST" and resource.post:
            return resource.post(request)
        if request.method == "DELETE" and resource.remove:
            resource.remove()
            return Answer(HTTPStatus.NO_CONTENT)
        if request.method == "PATCH" and resource.change:
            _expect(request, resource)
            resource.change(parse(request))
        return _read(request, resource)

    def restart(self) -> None:
        """Start anew: for a moment nobody is there, and then no session."""
        self.sessions.end_all()
        self._away_until = self._clock() + _RESTART_S


def _read(request: Request, resource: Resource) -> Answer:
    allow = {"Allow": ", ".join(resource.methods)}
    if request.path == METADATA:
        return Answer(HTTPStatus.OK, metadata().body, {**metadata().headers, **allow})
    document = resource.read() if resource.read else {}
    tag = etag(document)
    headers = {"ETag": tag, "Link": _described(document), **allow}
    if request.method in {"GET", "HEAD"} and request.headers.get("if-none-match") == tag:
        return Answer(HTTPStatus.NOT_MODIFIED, b"", headers)
    return answer(document | {"@odata.etag": tag} if "@odata.id" in document else document, headers=headers)


def _expect(request: Request, resource: Resource) -> None:
    """Refuse a change of what has changed meanwhile (RFC 9110, section 13.1.1)."""
    wanted = request.headers.get("if-match", "*")
    if wanted != "*" and resource.read and etag(resource.read()) not in {tag.strip() for tag in wanted.split(",")}:
        raise refusal(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed")


def _described(document: dict[str, str]) -> str:
    """Where the schema is (DSP0266, section 7.4.3)."""
    name = document.get("@odata.type", "#odata").lstrip("#").rpartition(".")[0] or "odata"
    return f"<http://redfish.dmtf.org/schemas/v1/{name}.json>; rel=describedby"


def _not_allowed(method: str, resource: Resource) -> Refusal:
    status = HTTPStatus.METHOD_NOT_ALLOWED if method in _METHODS else HTTPStatus.NOT_IMPLEMENTED
    return Refusal(status, Message("OperationNotAllowed"), headers={"Allow": ", ".join(resource.methods)})


def _plain(path: str) -> str:
    """The path as the tree has it: one slash at the end is none."""
    return path.removesuffix("/")
