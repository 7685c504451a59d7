"""Every error is a problem document that says what happened, and none of them says too much."""

from http import HTTPStatus
from typing import Any

import pytest
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from bmprov.errors import Conflict, Fatal, Retryable
from bmprov.model import Machine
from bmprov.services import Services
from tests.bmprov.api.caller import Api

MIB = 2**20
SECRET = "hunter2hunter2"


def problem(answer: TestResponse, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    told: dict[str, Any] = answer.get_json()
    assert told["status"] == status
    return told


def test_a_path_that_is_not_there(nobody: Api) -> None:
    """404, with the path."""
    assert problem(nobody.get("/api/v1/nope"), 404)["detail"] == "there is nothing at /api/v1/nope"


def test_a_method_that_is_not_there(admin: Api) -> None:
    """405, with the methods that are."""
    answer = admin("PATCH", "/api/v1/machines")
    assert problem(answer, 405)["check"] == "possible here: GET, HEAD, POST"
    assert answer.headers["Allow"] == "GET, HEAD, POST"


def test_no_token(nobody: Api) -> None:
    """401, with the scheme that is expected (RFC 6750)."""
    answer = nobody.get("/api/v1/machines")
    assert problem(answer, 401)["type"] == "/problems/unauthenticated"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="bmprov"'


def test_a_body_of_another_type(admin: Api) -> None:
    """415, with what was sent and what to send: `curl -d` says a form by default."""
    answer = admin.post("/api/v1/machines", data="{}", content_type="application/x-www-form-urlencoded")
    assert "application/x-www-form-urlencoded" in problem(answer, 415)["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"reason": NaN}',
        b'{"reason": "\\ud800"}',
        b"[" * 100_000,
        b'{"reason": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    ],
)
def test_a_body_that_is_not_json(admin: Api, machine: Machine, body: bytes) -> None:
    """422 for whatever no parser should take: cut off, not UTF-8, not a number, half a surrogate, nested for ever."""
    path = f"/api/v1/machines/{machine.name}/maintenance"
    answer = admin.put(path, data=body, content_type="application/json")
    assert problem(answer, 422)["detail"].startswith("the body is not JSON")


@pytest.mark.parametrize("body", ["[]", '"x"', "1", "null"])
def test_a_payload_that_is_no_object(cloud: Api, body: str) -> None:
    """422: CloudStack's payload is an object."""
    problem(cloud.post("/api/v1/cloudstack/status", data=body, content_type="application/json"), 422)


def test_a_body_that_is_too_large(admin: Api) -> None:
    """413, with the limit, whether the length is told before or not."""
    body = b'{"name": "' + b"x" * (8 * MIB) + b'"}'
    answer = admin.post("/api/v1/machines", data=body, content_type="application/json")
    assert problem(answer, 413)["detail"] == "the body is larger than 8 MiB"


def test_a_field_that_nobody_knows_is_named(admin: Api, machine: Machine) -> None:
    """422: a misspelt field is not ignored in silence."""
    answer = admin.put(f"/api/v1/machines/{machine.name}/maintenance", json={"reason": "x", "reasn": "y"})
    assert "'reasn'" in problem(answer, 422)["detail"]


def test_a_query_that_nobody_knows_is_named(admin: Api) -> None:
    """422 for the query too."""
    assert "'stat'" in problem(admin.get("/api/v1/machines?stat=active"), 422)["detail"]


def test_many_faults_are_counted_and_not_listed(admin: Api) -> None:
    """The detail stays a sentence."""
    answer = admin.post("/api/v1/machines", json=dict.fromkeys("abcdefgh", 1))
    assert problem(answer, 422)["detail"].endswith("and 7 more")


def test_a_password_is_never_repeated(admin: Api) -> None:
    """Whatever is wrong with a request, its password does not come back, nor is it logged."""
    wrong = [
        {"name": "a", "bmc": {"address": "nonsense", "password": SECRET}},
        {"name": "a", "bmc": {"address": f"ipmi://root:{SECRET}@10.0.0.1", "password": SECRET}},
        {"name": "a", "bmc": {"address": "ipmi://10.0.0.1", "password": [SECRET]}},
        {"name": "a", "bmc": {"address": "ipmi://10.0.0.1", "pasword": SECRET}},
        {"name": "a", "bmc": {"address": "ipmi://10.0.0.1", "password": SECRET * 100}},
        {"name": "a", "bmc": SECRET},
    ]
    with capture_logs() as logs:
        for body in wrong:
            assert SECRET not in str(problem(admin.post("/api/v1/machines", json=body), 422))
    assert SECRET not in str(logs)


@pytest.mark.parametrize("name", ["%00", "a%00b", "%0a", "x" * 300])
def test_a_name_that_no_database_takes(admin: Api, name: str) -> None:
    """A control character in a path is a wrong request, and no fault of the service."""
    problem(admin.get(f"/api/v1/machines/{name}"), 422)
    problem(admin.put(f"/api/v1/images/{name}", data=b"x"), 422)


def test_busy_says_when_to_ask_again(admin: Api, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """409 with Retry-After in whole seconds, and a type of its own."""

    def busy(*_: object) -> None:
        raise Conflict("power is being cancelled on machine 'a'", "ask again in a moment", retry_after_s=0.5)

    monkeypatch.setattr(services.orders, "release", busy)
    answer = admin.post("/api/v1/machines/a/release")
    assert problem(answer, 409)["type"] == "/problems/busy"
    assert answer.headers["Retry-After"] == "1"


def test_what_may_work_in_a_moment_says_so(admin: Api, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After."""

    def down(*_: object) -> None:
        raise Retryable("the database did not answer", "check that it runs")

    monkeypatch.setattr(services.orders, "release", down)
    answer = admin.post("/api/v1/machines/a/release")
    assert problem(answer, 503)["check"] == "check that it runs"
    assert answer.headers["Retry-After"] == "1"


def test_a_fault_tells_its_sentence_and_logs_the_rest(
    admin: Api, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 with the sentence that was written for people."""

    def fault(*_: object) -> None:
        raise Fatal("a stored secret does not open", "put its key back") from KeyError("inner")

    monkeypatch.setattr(services.orders, "release", fault)
    with capture_logs() as logs:
        told = problem(admin.post("/api/v1/machines/a/release"), 500)
    assert (told["detail"], told["check"]) == ("a stored secret does not open", "put its key back")
    assert any("exc_info" in entry for entry in logs)


def test_an_unforeseen_error_tells_its_reference_and_nothing_else(
    admin: Api, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500: the text of an error that nobody foresaw may hold anything, so it stays in the log."""

    def broken(*_: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(services.orders, "release", broken)
    with capture_logs() as logs:
        told = problem(admin.post("/api/v1/machines/a/release"), 500)
    assert SECRET not in str(told)
    logged = next(entry for entry in logs if entry["event"] == "unforeseen error")
    assert logged["reference"] in told["detail"]


def test_every_answer_has_the_headers_that_browsers_obey(admin: Api) -> None:
    """Nothing is kept without being asked about again, nothing sniffed, framed or executed, errors included."""
    kept = {"/healthz": "no-store", "/nope": "no-store", "/api/v1/tokens": "private, no-cache"}
    for path, caching in kept.items():
        answer = admin.get(path)
        assert answer.headers["Cache-Control"] == caching
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_the_access_log_has_a_line_a_request_without_secrets(admin: Api, machine: Machine) -> None:
    """Method, path, status, time, caller and origin; neither the token nor the query."""
    with capture_logs() as logs:
        admin.get(f"/api/v1/machines/{machine.name}?token={SECRET}")
        admin.get("/api/v1/machines?site=default")
    first, second = (entry for entry in logs if entry["event"] == "request")
    assert (first["status"], second["status"]) == (HTTPStatus.OK, HTTPStatus.OK)
    assert (second["method"], second["path"], second["caller"]) == ("GET", "/api/v1/machines", "the-admin")
    assert second["origin"] == "127.0.0.1"
    assert "bmprov_" not in str(logs)
    assert SECRET not in str(logs)
