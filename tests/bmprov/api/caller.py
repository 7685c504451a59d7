"""Calls of the API by one caller, every answer of which is held against the OpenAPI document on its way."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypedDict, Unpack

from flask import Flask
from openapi_schema_validator import OAS31Validator
from werkzeug.test import TestResponse

from bmprov.api.scrape import PATH as METRICS


class More(TypedDict, total=False):
    """What a call may have beside its method and path, as Flask's test client takes it."""

    json: object
    data: bytes | str
    content_type: str
    query_string: Mapping[str, str]
    headers: Mapping[str, str]


class Contract:
    """The OpenAPI document as a judge. `seen` holds the operations whose answers it has judged."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.seen: set[str] = set()
        self._paths = {re.compile(re.sub(r"{\w+}", "[^/]+", path)): told for path, told in document["paths"].items()}

    def judge(self, method: str, path: str, answer: TestResponse) -> None:
        if path == METRICS and answer.status_code == HTTPStatus.OK:
            return  # not JSON, and so not in the document; Prometheus' own judges look at it
        methods = next((told for known, told in self._paths.items() if known.fullmatch(path)), None)
        told = methods.get(method.lower()) if methods else None
        if told is None:
            assert answer.mimetype == "application/problem+json"
            return
        self.seen.add(told["operationId"])
        documented = told["responses"].get(str(answer.status_code)) or told["responses"]["default"]
        content = documented.get("content", {})
        assert set(content) == ({answer.mimetype} if answer.data else set()), documented
        if content:
            schema = content[answer.mimetype]["schema"] | {"components": self.document["components"]}
            OAS31Validator(schema).validate(answer.get_json())


class Api:
    """Calls as one caller."""

    def __init__(self, app: Flask, contract: Contract, secret: str | None) -> None:
        self._client = app.test_client()
        self._contract = contract
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def __call__(self, method: str, path: str, **more: Unpack[More]) -> TestResponse:
        headers = {**self._headers, **more.pop("headers", {})}
        answer = self._client.open(path, method=method, headers=headers, **more)
        self._contract.judge(method, path.partition("?")[0], answer)
        return answer

    def at(self, app: Flask) -> "Api":
        """The same caller at another application."""
        other = Api(app, self._contract, None)
        other._headers = self._headers
        return other

    def get(self, path: str, **more: Unpack[More]) -> TestResponse:
        return self("GET", path, **more)

    def post(self, path: str, **more: Unpack[More]) -> TestResponse:
        return self("POST", path, **more)

    def put(self, path: str, **more: Unpack[More]) -> TestResponse:
        return self("PUT", path, **more)

    def delete(self, path: str, **more: Unpack[More]) -> TestResponse:
        return self("DELETE", path, **more)
