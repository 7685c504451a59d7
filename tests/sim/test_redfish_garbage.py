"""Garbage does not get through the simulated Redfish BMC, and does not bring it down."""

import json
from collections.abc import Mapping

from hypothesis import example, given
from hypothesis import strategies as st

from bmprov.power import Power
from bmprov.sim.chassis import PlainChassis
from bmprov.sim.ipmi.session import Account
from bmprov.sim.redfish.bmc import RedfishBmc
from bmprov.sim.redfish.message import Request

BASIC = {"authorization": "Basic YWRtaW46c2VjcmV0"}
PATHS = [
    "/redfish/v1",
    "/redfish/v1/$metadata",
    "/redfish/v1/SessionService",
    "/redfish/v1/SessionService/Sessions",
    "/redfish/v1/SessionService/Sessions/1",
    "/redfish/v1/Systems/1",
    "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset",
    "/redfish/v1/Managers/1/LogServices/Sel/Actions/LogService.ClearLog",
    "/redfish/v1/Managers/1/Actions/Manager.Reset",
]
NAMES = ["Boot", "BootSourceOverrideTarget", "AssetTag", "ResetType", "UserName", "Password", "SessionTimeout", "@x"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["Pxe", "\ud800", "Nmi"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=3),
    max_leaves=8,
)
BODIES = VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)
TEXTS = st.text(st.characters(exclude_characters="\r\n"), max_size=30)


def simulated() -> RedfishBmc:
    return RedfishBmc(PlainChassis(), Account("admin", "secret"), lambda _, call: call(), lambda: 0.0)


@given(
    st.sampled_from(["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "BREW"]),
    st.sampled_from(PATHS) | st.text(),
    BODIES,
    st.fixed_dictionaries({}, optional={"if-match": TEXTS, "if-none-match": TEXTS, "content-type": TEXTS}),
    TEXTS,
)
@example("PATCH", "/redfish/v1/Systems/1", b"[" * 5000, {}, "")
@example("POST", "/redfish/v1/SessionService/Sessions", b'{"UserName": "\\ud800", "Password": ""}', {}, "")
def test_who_is_let_in_gets_an_answer(
    method: str, path: str, body: bytes, headers: Mapping[str, str], query: str
) -> None:
    """Whatever is sent, the answer is one of Redfish's, with a body that is JSON when it is a refusal."""
    answer = simulated().answer(Request(method, path, {**BASIC, **headers}, body, query))
    assert 200 <= answer.status < 500 or answer.status in (501, 503)
    assert answer.status < 400 or json.loads(answer.body)["error"]["@Message.ExtendedInfo"]


@given(
    st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
    st.sampled_from(PATHS[2:]) | st.text(),
    BODIES,
    st.dictionaries(st.sampled_from(["authorization", "x-auth-token"]), TEXTS | TEXTS.map("Basic {}".format)),
)
def test_who_is_not_let_in_changes_nothing(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Only service documents and refusals are for strangers."""
    bmc = simulated()
    answer = bmc.answer(Request(method, path, headers, body))
    assert answer.status in (400, 401, 405, 412, 415) or path.startswith("/redfish")
    assert (bmc.open_sessions, bmc.chassis.power, bmc.chassis.boot.written) == (0, Power.OFF, False)
