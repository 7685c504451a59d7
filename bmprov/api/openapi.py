"""The OpenAPI 3.1 document, made from the very models and routes that serve the requests, so that it cannot drift."""

from collections.abc import Sequence
from http import HTTPMethod, HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, ConfigDict, RootModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from bmprov.api.problems import JSON_TYPE, PROBLEM_TYPE, Problem
from bmprov.api.routing import API, Route, route, routes_of
from bmprov.api.shapes.page import PageOut
from bmprov.roles import ANYBODY

_REF = "#/components/schemas/{model}"
_TEXT = {"type": "string"}
_TAG = {"ETag": {"description": "names this answer, byte for byte", "schema": _TEXT}}
_LINK = {"Link": {"description": 'the next page, with `rel="next"` (RFC 8288), if there is one', "schema": _TEXT}}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "the `ETag` of the answer that the caller has: if it is still right, 304 comes without a body",
    "schema": _TEXT,
}

Json = dict[str, Any]


class OpenApi(RootModel[dict[str, Any]]):
    """An OpenAPI document."""

    model_config = ConfigDict(frozen=True)


class Document:
    """Serves the document of some routes, its own among them."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._made = OpenApi(describe([*routes, *routes_of([self])]))

    @route(HTTPMethod.GET, f"{API}/openapi.json", roles=ANYBODY, answers={200: OpenApi})
    def openapi(self) -> OpenApi:
        """Describe the API."""
        return self._made


def describe(routes: Sequence[Route]) -> Json:
    """The OpenAPI document of these routes."""
    schemas = _schemas(routes)
    paths: dict[str, Json] = {}
    for one in routes:
        paths.setdefault(one.mark.path, {})[one.mark.method.lower()] = _operation(one, schemas)
    asked_only = {one.query.__name__ for one in routes if one.query}
    return {
        "openapi": "3.1.0",
        "info": {"title": "bmprov", "version": version("bmprov"), "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in schemas.items() if name not in asked_only},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def table(document: Json) -> str:
    """The routes of a document as a Markdown table, for the documentation."""
    rows = [
        f"| `{method.upper()}` | `{path}` | {', '.join(told['x-roles']) or 'no token'} | {told['summary']} |"
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]
    return "\n".join(["| method | path | roles | what it does |", "|---|---|---|---|", *rows])


def _schemas(routes: Sequence[Route]) -> dict[str, Json]:
    """The JSON schemas of every model, by name."""
    asked: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    for one in routes:
        asked += [(model, "validation") for model in (one.query, one.body) if model]
        asked += [(model, "serialization") for model in one.mark.answers.values() if model]
    _, schemas = models_json_schema(list(dict.fromkeys(asked)), ref_template=_REF)
    found: dict[str, Json] = schemas["$defs"]
    return found


def _operation(one: Route, schemas: dict[str, Json]) -> Json:
    summary, _, rest = one.words.partition("\n\n")
    told: Json = {
        "operationId": one.id,
        "tags": [one.resource],
        "summary": summary.rstrip("."),
        "description": rest,
        "parameters": [*_path_parameters(one), *_query_parameters(one, schemas), *_header_parameters(one)],
        "responses": {str(status): _answer(status, model) for status, model in one.mark.answers.items()},
        "x-roles": sorted(one.mark.roles),
    }
    if one.revalidates:
        for answer in told["responses"].values():
            answer["headers"] = _TAG | (_LINK if _is_page(one) else {})
        told["responses"]["304"] = {"description": "It is as the caller has it", "headers": _TAG}
    told["responses"]["default"] = {"description": "A problem", "content": _content(PROBLEM_TYPE, Problem)}
    if not one.mark.roles:
        told["security"] = []
    if one.body is not None:
        told["requestBody"] = {"required": True, "content": _content(JSON_TYPE, one.body)}
    if one.uploads:
        told["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return {name: value for name, value in told.items() if value or name in ("security", "x-roles")}


def _path_parameters(one: Route) -> list[Json]:
    fields = one.variables.model_json_schema().get("properties", {})
    return [{"name": name, "in": "path", "required": True, "schema": _bare(schema)} for name, schema in fields.items()]


def _query_parameters(one: Route, schemas: dict[str, Json]) -> list[Json]:
    fields = schemas[one.query.__name__]["properties"] if one.query else {}
    return [
        {"name": name, "in": "query", "description": schema.get("description", ""), "schema": _bare(schema)}
        for name, schema in fields.items()
    ]


def _header_parameters(one: Route) -> list[Json]:
    return [_IF_NONE_MATCH] if one.revalidates else []


def _is_page(one: Route) -> bool:
    return any(model and issubclass(model, PageOut) for model in one.mark.answers.values())


def _bare(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key not in ("description", "title")}


def _answer(status: int, model: type[BaseModel] | None) -> Json:
    if model is None:
        return {"description": HTTPStatus(status).phrase}
    return {"description": (model.__doc__ or "").partition("\n\n")[0], "content": _content(JSON_TYPE, model)}


def _content(media_type: str, model: type[BaseModel]) -> Json:
    return {media_type: {"schema": {"$ref": _REF.format(model=model.__name__)}}}
