"""What the simulated Redfish BMC promises, asked by httpx, and in words of DSP0266."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest
import sushy
from sushy.resources.registry.message_registry import MessageRegistry

from bmprov.sim.redfish.message import MESSAGES
from bmprov.sim.redfish.sessions import SessionLimits
from tests.contract.redfish_bmcs import RedfishBmcs, SimulatedRedfish, redfish_bmcs, said

ROOT = "/redfish/v1"
SYSTEM, RESET = f"{ROOT}/Systems/1", f"{ROOT}/Systems/1/Actions/ComputerSystem.Reset"
SESSIONS = f"{ROOT}/SessionService/Sessions"
SEL = f"{ROOT}/Managers/1/LogServices/Sel"
LOGIN = {"UserName": "admin", "Password": "secret"}


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[RedfishBmcs]:
    with redfish_bmcs(tmp_path) as hall:
        yield hall


@pytest.fixture
def machine(hall: RedfishBmcs) -> SimulatedRedfish:
    return hall.start_redfish(with_tls=False, limits=SessionLimits(sessions=2))


@pytest.fixture
def http(machine: SimulatedRedfish) -> Iterator[httpx.Client]:
    """Somebody with the right password."""
    with httpx.Client(base_url=machine.url, auth=("admin", "secret")) as client:
        yield client


@pytest.fixture
def stranger(machine: SimulatedRedfish) -> Iterator[httpx.Client]:
    """Somebody who has not logged in."""
    with httpx.Client(base_url=machine.url) as client:
        yield client


def test_a_session_is_opened_used_and_closed(stranger: httpx.Client, machine: SimulatedRedfish) -> None:
    """201 with token and place; the token opens everything until the session is deleted."""
    opened = stranger.post(SESSIONS, json=LOGIN)
    assert (opened.status_code, opened.json()["UserName"]) == (201, "admin")
    assert "Password" not in opened.text
    token = {"X-Auth-Token": opened.headers["X-Auth-Token"]}
    assert stranger.get(SYSTEM, headers=token).status_code == 200
    place = opened.headers["Location"]
    assert stranger.get(SESSIONS, headers=token).json()["Members"] == [{"@odata.id": place}]
    assert stranger.delete(place, headers=token).status_code == 204
    assert stranger.get(SYSTEM, headers=token).status_code == 401
    assert machine.open_sessions() == 0


@pytest.mark.parametrize("status", [400, 503])
def test_there_are_only_so_many_sessions(hall: RedfishBmcs, status: int) -> None:
    """One more than the limit is SessionLimitExceeded, with the status that was asked for."""
    machine = hall.start_redfish(with_tls=False, limits=SessionLimits(sessions=2, full=status))
    with httpx.Client(base_url=machine.url) as client:
        assert [client.post(SESSIONS, json=LOGIN).status_code for _ in range(3)] == [201, 201, status]
        assert said(client.post(SESSIONS, json=LOGIN)) == ["SessionLimitExceeded"]
    assert (machine.counts.logins, machine.counts.most_sessions, machine.open_sessions()) == (2, 2, 2)


def test_an_idle_session_ends(hall: RedfishBmcs) -> None:
    """A session that nobody uses for too long is gone, and makes room; one that is used stays."""
    machine = hall.start_redfish(with_tls=False, limits=SessionLimits(idle_s=1.0))
    with httpx.Client(base_url=machine.url) as client:
        used, idle = (client.post(SESSIONS, json=LOGIN).headers["X-Auth-Token"] for _ in range(2))
        for _ in range(5):
            time.sleep(0.25)  # the BMC's own clock
            assert client.get(SYSTEM, headers={"X-Auth-Token": used}).status_code == 200
        assert client.get(SYSTEM, headers={"X-Auth-Token": idle}).status_code == 401
    assert machine.open_sessions() == 1


def test_who_is_not_let_in_is_told_how(stranger: httpx.Client, machine: SimulatedRedfish) -> None:
    """401 with WWW-Authenticate for wrong passwords and tokens, and for garbage in their place."""
    wrong = [
        {"X-Auth-Token": "guessed"},
        {"Authorization": "Basic " + base64.b64encode(b"admin:wrong").decode()},
        {"Authorization": "Basic !"},
        {"Authorization": "Bearer x"},
        {},
    ]
    for headers in wrong:
        answer = stranger.get(SYSTEM, headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"].split()[0]) == (401, "Basic")
    assert stranger.post(SESSIONS, json=LOGIN | {"Password": "wrong"}).status_code == 401
    assert said(stranger.post(SESSIONS, json={"UserName": "admin"})) == ["CreateFailedMissingReqProperties"]
    assert machine.counts.logins == 0
    assert stranger.get(f"{ROOT}/Nothing").status_code == 401


def test_the_timeout_of_sessions_is_written(http: httpx.Client) -> None:
    """Within what the schema allows, in seconds."""
    service = f"{ROOT}/SessionService"
    assert http.patch(service, json={"SessionTimeout": 60}).json()["SessionTimeout"] == 60
    for wrong in (29, 86401, True, "60"):
        assert http.patch(service, json={"SessionTimeout": wrong}).status_code == 400
    assert http.get(service).json()["SessionTimeout"] == 60


def test_the_metadata_names_every_schema(http: httpx.Client, stranger: httpx.Client) -> None:
    """Each type that a resource has is in the XML that everybody may read."""
    answer = stranger.get(f"{ROOT}/$metadata")
    assert answer.headers["Content-Type"].startswith("application/xml")
    names = {one.get("Namespace") for one in ET.fromstring(answer.content).iter() if one.get("Namespace")}  # noqa: S314 - our own BMC's
    for path in (ROOT, SYSTEM, f"{ROOT}/Chassis/1/Thermal", f"{ROOT}/Managers", f"{SEL}/Entries", SESSIONS):
        assert http.get(path).json()["@odata.type"].lstrip("#").rpartition(".")[0] in names


def test_firmware_is_not_updated(http: httpx.Client) -> None:
    """The action is there, as the schema wants, and says that the service is disabled."""
    target = http.get(f"{ROOT}/UpdateService").json()["Actions"]["#UpdateService.SimpleUpdate"]["target"]
    assert said(http.post(target, json={"ImageURI": "http://127.0.0.1/image"})) == ["ServiceDisabled"]


def test_what_is_not_there_is_told(http: httpx.Client) -> None:
    """404, 405 with Allow and 501, each with Redfish's own error body."""
    assert said(http.get(f"{ROOT}/Systems/2")) == ["ResourceMissingAtURI"]
    assert said(http.get(f"{SEL}/Entries/7")) == ["ResourceMissingAtURI"]
    refused = http.put(SYSTEM, json={})
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD, PATCH")
    assert said(refused) == ["OperationNotAllowed"]
    assert http.get(RESET).status_code == 405
    assert http.request("REPORT", SYSTEM).status_code == 501
    assert said(http.get(f"{SYSTEM}?$expand=*")) == ["QueryNotSupported"]
    assert http.get(SYSTEM, headers={"OData-Version": "3.0"}).status_code == 412
    assert http.head(SYSTEM).content == b""


def test_a_manager_that_resets_forgets_its_sessions(stranger: httpx.Client, machine: SimulatedRedfish) -> None:
    """It is away for a second and comes back without them; the machine does not notice."""
    token = {"X-Auth-Token": stranger.post(SESSIONS, json=LOGIN).headers["X-Auth-Token"]}
    path = f"{ROOT}/Managers/1/Actions/Manager.Reset"
    assert stranger.post(path, json={"ResetType": "ForceRestart"}, headers=token).status_code == 204
    with pytest.raises(httpx.RemoteProtocolError):
        stranger.get(ROOT)
    machine.wait_until(lambda: not machine.bmc.is_away)
    assert stranger.get(SYSTEM, headers=token).status_code == 401
    assert machine.changes() == 0


def test_requests_are_counted(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """By method and path, whatever the answer was."""
    for _ in range(3):
        http.get(SYSTEM)
    http.get(f"{SYSTEM}/")
    http.get(f"{ROOT}/Nothing")
    assert machine.counts.requests == {("GET", SYSTEM): 4, ("GET", f"{ROOT}/Nothing"): 1}


def test_a_connection_is_kept(machine: SimulatedRedfish) -> None:
    """HTTP/1.1 keep-alive: many requests, one connection."""
    with httpx.Client(base_url=machine.url, auth=("admin", "secret")) as client:
        places = {client.get(SYSTEM).extensions["network_stream"].get_extra_info("client_addr") for _ in range(5)}
    assert len(places) == 1


def test_messages_are_those_of_the_registry() -> None:
    """Number of arguments and, but for punctuation, words, as far as sushy's copy of an older registry has them."""
    path = Path(sushy.__file__).parent / "standard_registries" / "Base.1.4.0.json"
    registry = MessageRegistry(None, "", registries={}, json_doc=json.loads(path.read_text())).messages
    known = MESSAGES.keys() & registry.keys()
    assert len(known) > 15
    for name in known:
        assert MESSAGES[name].split() == registry[name].message.split(), name
