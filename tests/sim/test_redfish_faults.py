"""The faults of the simulated Redfish BMC, each put on and off while it runs, met by httpx."""

import concurrent.futures
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bmprov import tls
from bmprov.power import BootDevice, Power
from tests.contract.redfish_bmcs import RedfishBmcs, SimulatedRedfish, redfish_bmcs

ROOT = "/redfish/v1"
SYSTEM, RESET = f"{ROOT}/Systems/1", f"{ROOT}/Systems/1/Actions/ComputerSystem.Reset"
SESSIONS = f"{ROOT}/SessionService/Sessions"
LOGIN = {"UserName": "admin", "Password": "secret"}
NOBODY = httpx.Auth()
NETWORK_ONCE = {"Boot": {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}}


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[RedfishBmcs]:
    with redfish_bmcs(tmp_path) as hall:
        yield hall


@pytest.fixture(params=[True, False], ids=["TLS", "plain"])
def machine(hall: RedfishBmcs, request: pytest.FixtureRequest) -> SimulatedRedfish:
    return hall.start_redfish(with_tls=request.param)


@pytest.fixture
def http(machine: SimulatedRedfish, hall: RedfishBmcs) -> Iterator[httpx.Client]:
    trust = ssl.create_default_context(cafile=hall.certificate)
    with httpx.Client(base_url=machine.url, auth=("admin", "secret"), verify=trust) as client:
        yield client


def reset(http: httpx.Client, kind: str) -> int:
    return http.post(RESET, json={"ResetType": kind}).status_code


def power(http: httpx.Client) -> str:
    state: str = http.get(SYSTEM).json()["PowerState"]
    return state


def test_silence(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """Nothing comes; when it ends, the next request is answered."""
    machine.faults.silent = True
    with pytest.raises(httpx.ReadTimeout):
        http.get(ROOT, timeout=0.3)
    machine.faults.silent = False
    assert power(http) == "Off"


def test_slowness(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """Each answer takes so long, and others need not wait for it."""
    machine.faults.slow_s = 0.4
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: power(http), range(4))) == ["Off"] * 4
    assert 0.4 < time.monotonic() - began < 1.5


def test_no_session_left(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """Every login is refused, by session and by Basic authentication."""
    machine.faults.refuses_sessions = True
    for answer in (http.post(SESSIONS, json=LOGIN, auth=NOBODY), http.get(SYSTEM)):
        assert answer.status_code == 400
        assert "SessionLimitExceeded" in answer.text
    machine.faults.refuses_sessions = False
    assert http.get(SYSTEM).status_code == 200


def test_a_boot_override_that_is_dropped(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """It is accepted, and neither read nor used."""
    machine.faults.drops_boot = True
    assert http.patch(SYSTEM, json=NETWORK_ONCE).status_code == 200
    assert http.get(SYSTEM).json()["Boot"]["BootSourceOverrideEnabled"] == "Disabled"
    reset(http, "On")
    assert [one.device for one in machine.chassis.boots] == [BootDevice.DEFAULT]


def test_power_that_takes_its_time(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """Until then the old power is read."""
    machine.faults.power_takes_s = 0.3
    assert reset(http, "On") == 204
    assert power(http) == "Off"
    machine.wait_until(lambda: machine.power() is Power.ON)
    assert power(http) == "On"


def test_power_that_is_stuck(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """It is accepted, and nothing happens."""
    machine.faults.power_stuck = True
    assert reset(http, "On") == 204
    assert (power(http), machine.changes()) == ("Off", 0)


def test_a_lie(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """The machine is off and reads on."""
    machine.faults.lies = Power.ON
    assert (power(http), machine.power()) == ("On", Power.OFF)


def test_a_page_for_browsers(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """200 and HTML; what is asked for is not done."""
    machine.faults.html = True
    answer = http.post(RESET, json={"ResetType": "On"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")
    assert machine.changes() == 0


def test_json_of_something_else(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """200 and JSON without anything of Redfish."""
    machine.faults.not_redfish = True
    assert http.get(SYSTEM).json() == {"status": "ok"}


def test_not_available(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """503 that says when to come again; what is asked for is not done."""
    machine.faults.unavailable_s = 7
    answer = http.post(RESET, json={"ResetType": "On"})
    assert (answer.status_code, answer.headers["Retry-After"], machine.changes()) == (503, "7", 0)
    assert answer.json()["error"]["code"] == "Base.1.18.ServiceTemporarilyUnavailable"


def test_sessions_that_end(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """A session that is used ends all the same, with 401."""
    machine.faults.sessions_last_s = 0.3
    token = {"X-Auth-Token": http.post(SESSIONS, json=LOGIN, auth=NOBODY).headers["X-Auth-Token"]}
    assert http.get(SYSTEM, headers=token, auth=NOBODY).status_code == 200
    machine.wait_until(lambda: machine.open_sessions() == 0)
    assert http.get(SYSTEM, headers=token, auth=NOBODY).status_code == 401


def test_a_dribble(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """Byte by byte, headers too: a client's patience with each read does not end it."""
    machine.faults.dribbles_s = 0.004
    began = time.monotonic()
    assert http.get("/redfish", timeout=0.5).json() == {"v1": "/redfish/v1/"}
    assert time.monotonic() - began > 1
    machine.faults.dribbles_s = 0.0
    assert power(http) == "Off"


def test_half_a_body(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """JSON that stops in the middle, as if that were all."""
    machine.faults.truncates = True
    answer = http.get(SYSTEM)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_an_answer_that_breaks_off(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """The connection ends within the body; what was asked for has been done."""
    machine.faults.breaks_off = True
    with pytest.raises(httpx.RemoteProtocolError):
        http.get(SYSTEM)
    with pytest.raises(httpx.RemoteProtocolError):
        reset(http, "On")
    assert machine.changes() == 1


def test_busy_until_the_next_boot(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """The boot device is not changed before the machine has started once; then it is, and the power is free always."""
    machine.faults.busy_until_boot = True
    refused = http.patch(SYSTEM, json=NETWORK_ONCE)
    assert (refused.status_code, "ResourceInUse" in refused.text) == (409, True)
    assert http.patch(SYSTEM, json={"AssetTag": "x"}).status_code == 200
    assert reset(http, "On") == 204
    assert http.patch(SYSTEM, json=NETWORK_ONCE).status_code == 200
    assert machine.netboots()


def test_a_certificate_of_the_hall(hall: RedfishBmcs) -> None:
    """One for all BMCs, which is what its fingerprint says; nobody trusts it unasked."""
    machines = [hall.start_redfish() for _ in range(2)]
    for machine in machines:
        port = int(machine.url.rpartition(":")[2])
        found = ssl.get_server_certificate(("127.0.0.1", port))
        assert found == hall.certificate.read_text()
        assert machine.login.trust == f"sha256:{tls.fingerprint(hall.certificate)}"
        with pytest.raises(httpx.ConnectError):
            httpx.get(machine.url)


def test_it_ends_while_somebody_waits(tmp_path: Path) -> None:
    """A BMC that is taken down hangs up on those who are connected, whether it owes them an answer or not."""
    with redfish_bmcs(tmp_path) as hall, concurrent.futures.ThreadPoolExecutor(1) as pool:
        machine = hall.start_redfish(with_tls=False)
        with httpx.Client(base_url=machine.url) as idle, httpx.Client(base_url=machine.url) as waiting:
            idle.get(ROOT)
            machine.faults.silent = True
            answer = pool.submit(waiting.get, ROOT, timeout=20)
            time.sleep(0.2)  # until the request is there
            began = time.monotonic()
            hall.take_down()
            assert isinstance(answer.exception(), httpx.RemoteProtocolError)
            assert time.monotonic() - began < 2


def test_hundreds_share_a_loop(hall: RedfishBmcs) -> None:
    """Two hundred BMCs over TLS, all of them read at once, each with its own power."""
    machines = [hall.start_redfish() for _ in range(200)]
    machines[7].chassis.power = Power.ON
    trust = ssl.create_default_context(cafile=hall.certificate)

    def read(machine: SimulatedRedfish) -> str:
        with httpx.Client(base_url=machine.url, auth=("admin", "secret"), verify=trust) as client:
            return power(client)

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        states = list(pool.map(read, machines))
    assert [place for place, state in enumerate(states) if state == "On"] == [7]
