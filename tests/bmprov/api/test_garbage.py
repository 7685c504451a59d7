"""Whatever is sent, the answer is the caller's fault and never the service's."""

from http import HTTPStatus
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bmprov.api.caller import Api

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
FIELDS = st.sampled_from(
    [
        "name",
        "bmc",
        "address",
        "password",
        "nics",
        "mac",
        "role",
        "cloud",
        "reason",
        "action",
        "url",
        "key",
        "zone",
        "kinds",
        "x",
    ]
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4), max_leaves=12
)
TAKERS = st.sampled_from(
    [
        ("POST", "machines"),
        ("PUT", "machines/a/maintenance"),
        ("PUT", "machines/a/notes"),
        ("POST", "machines/a/power"),
        ("POST", "tokens"),
        ("POST", "regions"),
        ("PUT", "regions/a"),
        ("POST", "webhooks"),
        ("PUT", "webhooks/a"),
    ]
)
READERS = st.sampled_from(["machines", "images", "instances", "operations", "events", "regions", "webhooks"])

one_app = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@one_app
@given(taker=TAKERS, body=JSON)
def test_no_json_is_a_fault_of_the_service(admin: Api, taker: tuple[str, str], body: object) -> None:
    """Every JSON value is taken or refused by name."""
    method, path = taker
    assert admin(method, f"/api/v1/{path}", json=body).status_code < HTTPStatus.INTERNAL_SERVER_ERROR


@one_app
@given(taker=TAKERS, body=st.binary(max_size=100))
def test_no_bytes_are_a_fault_of_the_service(admin: Api, taker: tuple[str, str], body: bytes) -> None:
    """What is not JSON is refused."""
    method, path = taker
    answer = admin(method, f"/api/v1/{path}", data=body, content_type="application/json")
    assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR


@one_app
@given(path=READERS, name=st.text(min_size=1, max_size=30), value=st.text(max_size=30))
def test_no_name_and_no_query_is_a_fault_of_the_service(admin: Api, path: str, name: str, value: str) -> None:
    """Names and filters are any text at all."""
    quoted = quote(name.encode(errors="surrogatepass"), safe="")
    for url in (f"/api/v1/{path}/{quoted}", f"/api/v1/{path}/{quoted}/power"):
        assert admin.get(url).status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    for field in ("machine", "id", "limit", "state", quoted):
        told = admin.get(f"/api/v1/{path}?{field}={quote(value.encode(errors='surrogatepass'))}")
        assert told.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
