"""What becomes of what a region says that is no success."""

import json
import logging
from collections.abc import Callable

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError, Fatal, Retryable
from bmprov.model import Erase
from tests.maas.running import RunningRegion
from tests.maas.status import NodeStatus
from tests.worker.maas.odd_region import KEY, Handler, odd_region, says
from worker.maas.calls import Constraints, MaasRegion
from worker.maas.errors import (
    MaasAuthFailed,
    MaasBmcFailed,
    MaasBroken,
    MaasConflict,
    MaasForbidden,
    MaasGone,
    MaasInvalid,
    MaasLacksCall,
    MaasUnreachable,
)
from worker.maas.wire import RegionLogin, Wire

Ask = Callable[[MaasRegion, Deadline], object]
TEXT, HTML = "text/plain; charset=utf-8", "text/html"


def ask_list(calls: MaasRegion, by: Deadline) -> object:
    return calls.machines(by)


def ask_one(calls: MaasRegion, by: Deadline) -> object:
    return calls.machine("abc", by)


def ask_power(calls: MaasRegion, by: Deadline) -> object:
    return calls.query_power("abc", by)


def ask_deploy(calls: MaasRegion, by: Deadline) -> object:
    return calls.deploy("abc", "", "", b"", by)


UNRECOGNISED = b"Unrecognised signature: method=GET op=None"
DOCUMENT = b'{"power_type": ["Missing.", "Bad."], "__all__": ["No.\\n"]}'


@pytest.mark.parametrize(
    ("status", "content", "kind", "ask", "error", "words"),
    [
        (401, b"Authorization Error: Invalid API key.", TEXT, ask_list, MaasAuthFailed, "Invalid API key"),
        (403, b"", TEXT, ask_one, MaasForbidden, "forbids GET machines/abc/: the key must be an administrator's"),
        (403, b"This method is reserved for admin users.", TEXT, ask_deploy, MaasForbidden, "reserved for admin users"),
        (400, UNRECOGNISED, TEXT, ask_list, MaasAuthFailed, "takes us for nobody"),
        (400, UNRECOGNISED, TEXT, ask_power, MaasLacksCall, r"know query_power_state of machine abc"),
        (405, b"", TEXT, ask_deploy, MaasLacksCall, r"does not know deploy of machine abc"),
        (404, b"<h1>nginx</h1>", HTML, ask_list, MaasLacksCall, "does not have GET machines/"),
        (404, b"Not Found", TEXT, ask_one, MaasGone, r"has no machine abc \(Not Found\)"),
        (409, b"No available machine.", TEXT, ask_list, MaasConflict, r"\(No available machine\)"),
        (400, DOCUMENT, "application/json", ask_one, MaasInvalid, r"power_type: Missing. Bad.; No\)"),
        (413, b"<html>", HTML, ask_deploy, MaasInvalid, r"\(HTTP 413\)"),
        (500, b"Power\nfailed", TEXT, ask_power, MaasBmcFailed, r"the BMC of machine abc do it \(Power failed\)"),
        (500, b"oops", TEXT, ask_deploy, MaasBroken, "HTTP 500: oops"),
        (500, b"<html>", HTML, ask_power, MaasBroken, r"failed at query_power_state of machine abc \(HTTP 500\)"),
        (507, b"", TEXT, ask_list, MaasBroken, "HTTP 507"),
        (502, b"<html>", HTML, ask_list, MaasUnreachable, r"cannot answer now \(HTTP 502\)"),
        (503, b"Service unavailable", TEXT, ask_power, MaasUnreachable, "HTTP 503: Service unavailable"),
        (504, b"", TEXT, ask_deploy, MaasUnreachable, "HTTP 504"),
        (429, b"", TEXT, ask_list, MaasUnreachable, "HTTP 429"),
        (200, b"<html>", HTML, ask_list, MaasBroken, "something that is not MAAS's JSON"),
        (200, b"[{]", "application/json", ask_list, MaasBroken, "something that is not MAAS's JSON"),
        (200, b"[" * 5000, "application/json", ask_list, MaasBroken, "something that is not MAAS's JSON"),
        (
            200,
            b"",
            "application/json",
            ask_list,
            MaasBroken,
            r"would not \(the list of machines is no list\)",
        ),
        (200, b"{}", "application/json", ask_one, MaasBroken, "system_id of the machine is missing"),
    ],
)
def test_what_an_answer_means(
    status: int, content: bytes, kind: str, ask: Ask, error: type[BmprovError], words: str, by: Deadline
) -> None:
    """Its class says what happens next; its text is one line that names the region and says what to check."""
    with odd_region(says(status, content, kind)) as odd, pytest.raises(error, match=words) as caught:
        ask(odd.client(), by)
    assert type(caught.value) is error
    assert isinstance(caught.value, Retryable | Fatal)
    assert caught.value.why.startswith("MAAS region 'lab' ")
    assert caught.value.check
    assert str(caught.value).isprintable()


def test_what_can_be_tried_again() -> None:
    """Only what another moment may change."""
    for error in (MaasUnreachable, MaasBroken, MaasBmcFailed):
        assert issubclass(error, Retryable)
    for error in (MaasAuthFailed, MaasForbidden, MaasLacksCall, MaasGone, MaasConflict, MaasInvalid):
        assert issubclass(error, Fatal)


@pytest.mark.parametrize(
    ("told", "seconds"), [("7", 7.0), ("999999", 3600.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None)]
)
def test_retry_after(told: str, seconds: float | None, by: Deadline) -> None:
    """What the region asks us to wait for is told on, an hour at most."""
    with odd_region(says(503, b"", TEXT, Retry_After=told)) as odd, pytest.raises(MaasUnreachable) as caught:
        odd.client().machines(by)
    assert caught.value.retry_after_s == seconds


def test_redirects_are_not_followed(by: Deadline) -> None:
    """The key goes nowhere else; the operator is told where the API may be."""
    with odd_region(says(301, b"", HTML, Location="https://elsewhere/MAAS/")) as odd:
        with pytest.raises(MaasLacksCall, match="sends us on to https://elsewhere/MAAS/"):
            odd.client().machines(by)
        assert len(odd.requests) == 1


def test_what_is_said_is_shortened(by: Deadline) -> None:
    """A traceback of a megabyte is no error text."""
    with odd_region(says(500, b"x" * 2**20, TEXT)) as odd, pytest.raises(MaasBroken) as caught:
        odd.client().machines(by)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 500, 503])
def test_the_key_is_in_no_error(status: int, by: Deadline, caplog: pytest.LogCaptureFixture) -> None:
    """A region that repeats all that it was sent gets nothing of the key into our texts and logs."""
    caplog.set_level(logging.DEBUG)

    def echo(handler: Handler) -> None:
        sent = f"{KEY} {handler.headers['Authorization']} {handler.path}"
        handler.say(status, json.dumps({"said": [sent]}).encode(), Location=f"/login?{sent}")

    with odd_region(echo) as odd, pytest.raises(BmprovError) as caught:
        odd.client().deploy("abc", "", "", b"", by)
    everything = f"{caught.value!r} {caught.value} {caught.value.__cause__} {caplog.text}"
    assert not [part for part in KEY.split(":") if part in everything]
    assert odd.headers[0]["Authorization"].startswith("OAuth ")


def test_the_key_is_in_no_log(maas: RunningRegion, by: Deadline, caplog: pytest.LogCaptureFixture) -> None:
    """Of calls that succeed: neither ours nor the libraries', however much they log."""
    caplog.set_level(logging.DEBUG)
    calls = MaasRegion(Wire(RegionLogin("lab", maas.url, maas.key)))
    calls.release(calls.allocate(Constraints(), "us", "", by).system_id, Erase.NONE, "", by)
    assert "/MAAS/api/2.0/machines/" in caplog.text
    assert not [part for part in maas.key.split(":") if part in caplog.text]


def test_the_key_is_in_no_repr() -> None:
    """Nor in what a debugger or a traceback prints of its holders."""
    login = RegionLogin("lab", "http://127.0.0.1/MAAS", KEY)
    printed = f"{login!r} {Wire(login)!r}"
    assert not [part for part in KEY.split(":") if part in printed]


@pytest.mark.parametrize("key", ["", "a:b", "a:b:c:d", "a::c", "secretly"])
def test_a_key_that_is_none(key: str) -> None:
    """It is refused before anything is sent, and not repeated."""
    with pytest.raises(MaasAuthFailed, match="is no MAAS key: it has three parts") as caught:
        RegionLogin("lab", "http://127.0.0.1/MAAS", key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1/MAAS",
        "ftp://127.0.0.1/MAAS",
        "http:///MAAS",
        "http://127.0.0.1:99999/MAAS",
        "http://admin:hidden@127.0.0.1/MAAS",
        "http://127.0.0.1/MAAS?key=hidden",
        "http://127.0.0.1/MAAS\n",
        "http://[::1/MAAS",
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    """It is refused before anything is sent, and not repeated, for it may hold a password."""
    with pytest.raises(Fatal, match="must be like http://HOST:5240/MAAS") as caught:
        RegionLogin("lab", url, KEY)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["", "/", "/api/2.0", "/api/2.0/"])
def test_addresses_that_mean_the_same(maas: RunningRegion, suffix: str, by: Deadline) -> None:
    """As people copy them from MAAS's page and from the built-in extension."""
    wire = Wire(RegionLogin("lab", maas.url + suffix, maas.key))
    assert len(MaasRegion(wire).machines(by)) == 4
    wire.close()


def test_a_key_that_is_revoked(maas: RunningRegion, by: Deadline) -> None:
    """It was good a moment ago, over the same connection."""
    key = maas.new_key()
    calls = MaasRegion(Wire(RegionLogin("lab", maas.url, key)))
    calls.machines(by)
    maas.revoke(key)
    with pytest.raises(MaasAuthFailed, match="does not take its key"):
        calls.machines(by)


def test_what_a_user_without_rights_may_not(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """Another's machine; and what only administrators may."""
    own = calls.allocate(Constraints(), "someone", "", by).system_id
    tenant = MaasRegion(Wire(RegionLogin("lab", maas.url, maas.new_key("tenant", is_admin=False))))
    with pytest.raises(MaasForbidden):
        tenant.release(own, Erase.NONE, "", by)
    with pytest.raises(MaasForbidden, match="reserved for admin users"):
        tenant.mark_fixed(maas.machine("node0003").system_id, "", by)
    assert len(tenant.machines(by)) == 3


def test_a_bmc_that_fails(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """The BMC's failure in MAAS's words, at each call that needs the BMC; it may be over soon."""
    own = calls.allocate(Constraints(name="node0001"), "us", "", by).system_id
    machine = maas.machine("node0001")
    machine.status, machine.power = NodeStatus.DEPLOYED, machine.power.__class__.ON
    machine.bmc.fails = "connection timed out"
    for act in (
        lambda: calls.power_on(own, by),
        lambda: calls.power_off(own, by, soft=True),
        lambda: calls.query_power(own, by),
        lambda: calls.rescue_mode(own, by),
        lambda: calls.release(own, Erase.NONE, "", by),
    ):
        with pytest.raises(MaasBmcFailed, match=f"the BMC of machine {own} do it .*connection timed out"):
            act()


def test_a_region_that_lacks_a_call(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """It is another version of MAAS: trying again cannot help."""
    maas.faults.lacking = frozenset({("Machine", "deploy")})
    with pytest.raises(MaasLacksCall, match=r"does not know deploy of machine \w+"):
        calls.deploy(maas.machine("node0001").system_id, "", "", b"", by)


def test_a_region_that_is_overloaded(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """It says so, and answers the next call."""
    maas.faults.unavailable = 1
    with pytest.raises(MaasUnreachable, match="cannot answer now"):
        calls.machines(by)
    assert len(calls.machines(by)) == 4
