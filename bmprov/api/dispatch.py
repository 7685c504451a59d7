"""From a request to its handler: the token, the role, the path, the query, the body, in this order, then the answer.

Nothing of a body is read before its sender has shown a token that allows the request.
"""

from collections.abc import Iterator
from http import HTTPMethod
from typing import Any

from flask import Request, Response, g, request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from bmprov.api.body import Body, json_text
from bmprov.api.credentials import Keyring
from bmprov.api.problems import JSON_TYPE
from bmprov.api.refusals import Forbidden, NotJson
from bmprov.api.revalidation import revalidated
from bmprov.api.routing import Route
from bmprov.api.shapes.page import PageOut, link
from bmprov.errors import Invalid
from bmprov.model import Token
from bmprov.orders import Caller

_SHOWN_FAULTS = 3


class Dispatch:
    """The Flask view of one route."""

    def __init__(self, route: Route, keyring: Keyring) -> None:
        self._route = route
        self._keyring = keyring
        self.methods = [str(route.mark.method)]
        self.provide_automatic_options = False

    def __call__(self, **path: str) -> Response:
        """Answer the request that Flask holds."""
        asked: dict[str, Any] = {}
        if self._route.mark.roles:
            caller = self._caller()
            if self._route.asks_caller:
                asked["caller"] = caller
        asked |= dict(_checked(self._route.variables, path))
        if self._route.query is not None:
            asked["query"] = _checked(self._route.query, request.args.to_dict())
        if self._route.body is not None:
            asked["body"] = _body(request, self._route.body)
        if self._route.uploads:
            asked["upload"] = Body(request)  # of any length: the disk is the limit, and the image store watches it
        return self._respond(self._route.handler(**asked))

    def _caller(self) -> Caller:
        token = self._keyring.bearer(request.headers.get("Authorization"))
        caller = Caller(token.name, token.role, token.cloud, request.remote_addr or "")
        g.caller = caller
        if token.role not in self._route.mark.roles:
            raise _forbidden(self._route, token)
        return caller

    def _respond(self, answer: BaseModel | None) -> Response:
        status = self._route.status_of(answer)
        if answer is None:
            return Response(status=status)
        response = Response(answer.model_dump_json(), status, content_type=JSON_TYPE)
        if isinstance(answer, PageOut) and answer.next is not None:
            response.headers["Link"] = link(request.path, request.args, answer.next)
        return revalidated(response, request) if self._route.revalidates else response


def _forbidden(route: Route, token: Token) -> Forbidden:
    needed = " or ".join(sorted(route.mark.roles))
    what = "reads this" if route.mark.method is HTTPMethod.GET else "does this"
    return Forbidden(f"the role of token '{token.name}' is {token.role}", f"the role that {what}: {needed}")


def _body(asked: Request, shape: type[BaseModel]) -> BaseModel:
    if asked.mimetype != JSON_TYPE:
        raise NotJson(f"the body is '{asked.mimetype or 'of no type'}'", f"send {JSON_TYPE} and say so in Content-Type")
    content = json_text(asked)
    try:
        told = from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise Invalid(f"the body is not JSON ({error})", "the program that sends it") from None
    return _checked(shape, told)


def _checked(shape: type[BaseModel], told: object) -> BaseModel:
    try:
        return shape.model_validate(told)
    except ValidationError as error:
        raise Invalid(_sentence(error), "the fields in /api/v1/openapi.json") from None


def _sentence(error: ValidationError) -> str:
    """What is wrong with a request, by its fields. Values are left out: one of them may be a password."""
    faults = list(_faults(error))
    more = len(faults) - _SHOWN_FAULTS
    return "; ".join(faults[:_SHOWN_FAULTS]) + (f"; and {more} more" if more > 0 else "")


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        where = ".".join(str(part) for part in fault["loc"])
        said = fault["msg"].removeprefix("Value error, ")
        yield f"'{where}': {said}" if where else said
