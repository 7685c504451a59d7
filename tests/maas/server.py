"""The HTTP of a region, with the faults of the way to it and a count of what went over it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from inspect import isawaitable
from urllib.parse import parse_qsl

from aiohttp import web

from tests.maas.answers import Answer, Refusal, refused, told
from tests.maas.call import Call, Pairs, parse_form
from tests.maas.description import description
from tests.maas.oauth import Gate, Signed
from tests.maas.region import Region, User
from tests.maas.routes import API, Resource, find

_DESCRIBE = API + "describe/"
_CUT_S = 0.001  # to aiohttp 0 means for ever
_NOBODY = User("", is_admin=False)


@dataclass
class Faults:
    """What goes wrong on the way. All may be changed at any time.

    `latency_s` is added to every call. The next `unavailable` calls are answered 503, the next `drops_before` are not
    done and their connections cut, the next `drops_amid` are done and cut half-way through their answers. With `only`
    these meet the operations with these names alone, such as `Machine.deploy`. `lacking` are operations that the
    region has not, as (resource, operation).

    The next `refusals` are answered `refused_as`, with words that repeat the key, as a proxy's might; the next `stalls`
    are answered after `stall_s`. None of all this meets the next `spared` calls; `meanwhile` happens once, after them.
    """

    latency_s: float = 0.0
    spared: int = 0
    meanwhile: Callable[[], None] | None = None
    refusals: int = 0
    refused_as: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR
    stalls: int = 0
    stall_s: float = 60.0
    unavailable: int = 0
    drops_before: int = 0
    drops_amid: int = 0
    only: frozenset[str] = frozenset()
    lacking: frozenset[tuple[str, str]] = frozenset()

    def strikes(self, name: str, fault: str) -> bool:
        """Whether a fault meets this call, which is not spared; if so it is used up by one."""
        left: int = getattr(self, fault)
        if left <= 0 or (self.only and name not in self.only):
            return False
        setattr(self, fault, left - 1)
        return True


@dataclass
class Counts:
    """What went over HTTP: calls by name (`Machine.deploy`), and bytes of heads and bodies."""

    calls: Counter[str] = field(default_factory=Counter)
    received_bytes: int = 0
    sent_bytes: int = 0

    @property
    def total(self) -> int:
        return self.calls.total()

    def clear(self) -> None:
        self.calls.clear()
        self.received_bytes = self.sent_bytes = 0


@dataclass(frozen=True)
class _Asked:
    """A request, taken apart."""

    method: str
    base: str
    resource: Resource | None
    variables: dict[str, str]
    op: str | None
    query: Pairs
    form: Pairs
    authorization: str
    signed: Signed
    is_describe: bool

    @property
    def name(self) -> str:
        if self.resource is None:
            return "describe" if self.is_describe else "unknown"
        action = self.resource.action(self.method, self.op)
        return f"{self.resource.name}.{action.name if action else 'unknown'}"

    def unrecognised(self) -> Refusal:
        return refused(HTTPStatus.BAD_REQUEST, f"Unrecognised signature: method={self.method} op={self.op}")


class Server:
    """One region on one port."""

    def __init__(self, region: Region, faults: Faults, counts: Counts) -> None:
        self._region = region
        self._faults = faults
        self._counts = counts
        self._gate = Gate(region.keys)
        self._runner: web.ServerRunner | None = None

    async def start(self, port: int = 0) -> int:
        """Listen on a port of loopback, any free one for 0; which."""
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=_CUT_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True, backlog=1024).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the port and every connection. What goes on in machines goes on."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self._counts.received_bytes += len(body) + _head_bytes(request)
        asked = _parsed(request, body)
        self._counts.calls[asked.name] += 1
        if self._faults.latency_s:
            await asyncio.sleep(self._faults.latency_s)
        if self._faults.spared > 0:
            self._faults.spared -= 1
            return await self._send(request, await self._answer_or_refuse(asked))
        if self._faults.meanwhile:
            meanwhile, self._faults.meanwhile = self._faults.meanwhile, None
            meanwhile()
        if self._faults.strikes(asked.name, "stalls"):
            await asyncio.sleep(self._faults.stall_s)
        if self._faults.strikes(asked.name, "refusals"):
            told = f"Refused: {asked.authorization}"
            return await self._send(request, refused(self._faults.refused_as, told).answer)
        if self._faults.strikes(asked.name, "drops_before"):
            return _cut(request)
        if self._faults.strikes(asked.name, "unavailable"):
            return await self._send(request, refused(HTTPStatus.SERVICE_UNAVAILABLE, "Service unavailable").answer)
        answer = await self._answer_or_refuse(asked)
        if self._faults.strikes(asked.name, "drops_amid"):
            return await _cut_amid(request, answer)
        return await self._send(request, answer)

    async def _answer_or_refuse(self, asked: _Asked) -> Answer:
        try:
            return await self._answer(asked)
        except Refusal as refusal:
            return refusal.answer

    async def _answer(self, asked: _Asked) -> Answer:
        if asked.name == "describe":
            return told(description(asked.base, self._faults.lacking))
        if asked.resource is None:
            raise refused(HTTPStatus.NOT_FOUND, "Not Found")
        user = self._admit(asked, asked.resource)
        action = asked.resource.action(asked.method, asked.op)
        if action is None or (asked.resource.name, action.name) in self._faults.lacking:
            raise asked.unrecognised()
        done = action.act(Call(self._region, user, asked.variables, asked.query, asked.form))
        answer = await done if isawaitable(done) else done
        if answer.afterwards:
            await answer.afterwards()
        return answer

    def _admit(self, asked: _Asked, resource: Resource) -> User:
        key = self._gate.admit(asked.authorization, asked.signed)
        if key or resource.anonymous == "all":
            return key.user if key else _NOBODY
        if resource.anonymous:
            raise asked.unrecognised()
        raise refused(HTTPStatus.UNAUTHORIZED, "Authorization Required")

    async def _send(self, request: web.BaseRequest, answer: Answer) -> web.Response:
        headers = {"Content-Type": answer.content_type, "Vary": "Authorization,Cookie", **answer.headers}
        response = web.Response(body=answer.body, status=answer.status, headers=headers)
        await response.prepare(request)
        self._counts.sent_bytes += len(answer.body) + sum(
            len(name) + len(value) + 4 for name, value in response.headers.items()
        )
        return response


def _parsed(request: web.BaseRequest, body: bytes) -> _Asked:
    content_type = request.headers.get("Content-Type", "")
    query, form = parse_qsl(request.query_string, keep_blank_values=True), parse_form(content_type, body)
    base = f"{request.scheme}://{request.host}"
    found = find(request.path)
    return _Asked(
        method=request.method,
        base=base,
        resource=found[0] if found else None,
        variables=found[1] if found else {},
        op=next((value for name, value in [*query, *form] if name == "op"), None),
        query=query,
        form=form,
        authorization=request.headers.get("Authorization", ""),
        signed=Signed(request.method, base + request.path, query + (form if "urlencoded" in content_type else [])),
        is_describe=request.path == _DESCRIBE,
    )


def _head_bytes(request: web.BaseRequest) -> int:
    return (
        len(request.method)
        + len(request.path_qs)
        + 12
        + sum(len(name) + len(value) + 4 for name, value in request.raw_headers)
    )


def _cut(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport:
        request.transport.abort()
    return web.Response()


async def _cut_amid(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    return _cut(request)
