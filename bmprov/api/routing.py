"""What a route is, and how a handler is marked as one.

A handler is a method of a resource. It asks by the names of its parameters for what it needs: `caller` (who asks),
`query` and `body` (models that have been checked), `upload` (the body as a stream), and the variables of its path. It
answers a model, and the model's class decides the status. So a signature is all that is known of a request, and the
OpenAPI document is made from it too.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPMethod
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, create_model

from bmprov.model import Role

API = "/api/v1"

_HandlerT = TypeVar("_HandlerT", bound=Callable[..., BaseModel | None])
_MARK = "bmprov_routes"


@dataclass(frozen=True)
class Mark:
    """What the decorator says about a handler."""

    method: HTTPMethod
    path: str
    roles: frozenset[Role]
    answers: Mapping[int, type[BaseModel] | None]


@dataclass(frozen=True)
class Route:
    """A marked handler of a live resource. `path` is spelled as in OpenAPI: `/api/v1/machines/{name}`."""

    mark: Mark
    resource: str
    handler: Callable[..., BaseModel | None]
    variables: type[BaseModel]
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    uploads: bool
    asks_caller: bool

    @property
    def id(self) -> str:
        """A name for the route that no other has."""
        return f"{self.resource}.{self.handler.__name__}"

    @property
    def revalidates(self) -> bool:
        """Whether its answer has an entity tag. What a load balancer asks has none: that must be looked at anew."""
        return self.mark.method is HTTPMethod.GET and self.mark.path.startswith(API)

    @property
    def words(self) -> str:
        """The handler's docstring."""
        return inspect.getdoc(self.handler) or ""

    def status_of(self, answer: BaseModel | None) -> int:
        """The status that goes with an answer."""
        kind = type(answer) if answer is not None else None
        return next(status for status, told in self.mark.answers.items() if told is kind)


def route(
    method: HTTPMethod, path: str, *, roles: frozenset[Role], answers: Mapping[int, type[BaseModel] | None]
) -> Callable[[_HandlerT], _HandlerT]:
    """Mark a method of a resource as the handler of a route."""

    def mark(handler: _HandlerT) -> _HandlerT:
        setattr(handler, _MARK, Mark(method, path, roles, MappingProxyType(dict(answers))))
        return handler

    return mark


def routes_of(resources: Iterable[object]) -> list[Route]:
    """The routes of some resources, in the order in which they are written."""
    return [
        _route(resource, name)
        for resource in resources
        for name, value in vars(type(resource)).items()
        if hasattr(value, _MARK)
    ]


def _route(resource: object, name: str) -> Route:
    handler = getattr(resource, name)
    mark: Mark = getattr(handler, _MARK)
    hints: dict[str, Any] = get_type_hints(handler, include_extras=True)
    variables: dict[str, Any] = {one: (hints[one], ...) for one in re.findall(r"{(\w+)}", mark.path)}
    return Route(
        mark=mark,
        resource=type(resource).__name__.lower(),
        handler=handler,
        variables=create_model("Variables", **variables),
        query=hints.get("query"),
        body=hints.get("body"),
        uploads="upload" in hints,
        asks_caller="caller" in hints,
    )
