"""Accounts of the simulated Redfish BMC: made, changed and removed, and what each role may do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import sushy
from sushy.auth import SessionAuth

from tests.contract.redfish_bmcs import RedfishBmcs, SimulatedRedfish, redfish_bmcs, said

ROOT = "/redfish/v1"
SYSTEM, RESET = f"{ROOT}/Systems/1", f"{ROOT}/Systems/1/Actions/ComputerSystem.Reset"
ACCOUNTS, SESSIONS = f"{ROOT}/AccountService/Accounts", f"{ROOT}/SessionService/Sessions"
CLEAR_LOG = f"{ROOT}/Managers/1/LogServices/Sel/Actions/LogService.ClearLog"
WATCHER = {"UserName": "watcher", "Password": "looks-on", "RoleId": "ReadOnly"}


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[RedfishBmcs]:
    with redfish_bmcs(tmp_path) as hall:
        yield hall


@pytest.fixture
def machine(hall: RedfishBmcs) -> SimulatedRedfish:
    return hall.start_redfish(with_tls=False)


@pytest.fixture
def admin(machine: SimulatedRedfish) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=machine.url, auth=("admin", "secret")) as client:
        yield client


@contextmanager
def session(machine: SimulatedRedfish, user: str, password: str) -> Iterator[tuple[httpx.Client, str]]:
    """A client that has logged in, and its session."""
    with httpx.Client(base_url=machine.url) as client:
        opened = client.post(SESSIONS, json={"UserName": user, "Password": password})
        assert opened.status_code == 201
        client.headers["X-Auth-Token"] = opened.headers["X-Auth-Token"]
        yield client, opened.headers["Location"]


def test_an_account_is_made_changed_and_removed(machine: SimulatedRedfish, admin: httpx.Client) -> None:
    """No answer has a password, and a session ends with its account."""
    made = admin.post(ACCOUNTS, json=WATCHER)
    assert (made.status_code, made.json()["RoleId"], made.json()["Password"]) == (201, "ReadOnly", None)
    place = made.headers["Location"]
    assert admin.get(ACCOUNTS).json()["Members"][1] == {"@odata.id": place}
    with session(machine, "watcher", "looks-on") as (watcher, _):
        assert watcher.get(SYSTEM).status_code == 200
        assert admin.patch(place, json={"Enabled": False}).json()["Enabled"] is False
        assert watcher.get(SYSTEM).status_code == 401
    assert admin.patch(place, json={"Enabled": True, "Password": "new"}).status_code == 200
    with session(machine, "watcher", "new") as (watcher, _):
        assert admin.delete(place).status_code == 204
        assert watcher.get(SYSTEM).status_code == 401
    assert admin.get(place).status_code == 404


def test_who_only_reads_changes_nothing(machine: SimulatedRedfish, admin: httpx.Client) -> None:
    """403 and InsufficientPrivilege for whatever would change something, but for the own session and password."""
    own = admin.post(ACCOUNTS, json=WATCHER).headers["Location"]
    with session(machine, "watcher", "looks-on") as (watcher, mine), session(machine, "admin", "secret") as (_, others):
        for path in (SYSTEM, f"{ROOT}/Chassis/1/Power", f"{ROOT}/Managers/1", own, f"{ROOT}/AccountService/Roles"):
            assert watcher.get(path).status_code == 200
        refused = [
            watcher.post(RESET, json={"ResetType": "On"}),
            watcher.patch(SYSTEM, json={"AssetTag": "mine"}),
            watcher.post(CLEAR_LOG),
            watcher.post(ACCOUNTS, json=WATCHER | {"UserName": "another"}),
            watcher.patch(own, json={"RoleId": "Administrator", "Password": "more"}),
            watcher.delete(own),
            watcher.get(f"{ACCOUNTS}/1"),
            watcher.patch(f"{ROOT}/SessionService", json={"SessionTimeout": 60}),
            watcher.delete(others),
        ]
        assert [answer.status_code for answer in refused] == [403] * len(refused)
        assert all(said(answer) == ["InsufficientPrivilege"] for answer in refused)
        assert machine.changes() == 0
        assert watcher.patch(own, json={"Password": "my-own"}).status_code == 200
        assert watcher.delete(mine).status_code == 204
    with httpx.Client(base_url=machine.url, auth=("watcher", "my-own")) as basic:
        assert basic.post(RESET, json={"ResetType": "On"}).status_code == 403


def test_an_operator_moves_the_machine_and_not_the_bmc(machine: SimulatedRedfish, admin: httpx.Client) -> None:
    """Power and boot device are the operator's, log, sessions and accounts the administrator's."""
    admin.post(ACCOUNTS, json=WATCHER | {"UserName": "operator", "RoleId": "Operator"})
    with session(machine, "operator", "looks-on") as (operator, _):
        assert operator.post(RESET, json={"ResetType": "On"}).status_code == 204
        assert operator.patch(SYSTEM, json={"AssetTag": "mine"}).status_code == 200
        assert operator.post(CLEAR_LOG).status_code == 403
        assert operator.get(f"{ACCOUNTS}/1").status_code == 403


def test_sushy_is_told_that_it_may_not(machine: SimulatedRedfish, admin: httpx.Client) -> None:
    """It reads with an account that only reads, and is refused to switch."""
    admin.post(ACCOUNTS, json=WATCHER)
    login = SessionAuth("watcher", "looks-on")
    try:
        system = sushy.Sushy(machine.url, auth=login).get_system()
        assert system.power_state is sushy.PowerState.OFF
        with pytest.raises(sushy.exceptions.AccessError, match="insufficient privileges"):
            system.reset_system(sushy.ResetType.ON)
    finally:
        login.close()


@pytest.mark.parametrize(
    ("account", "status", "message"),
    [
        ({}, 400, "CreateFailedMissingReqProperties"),
        (WATCHER | {"RoleId": "God"}, 400, "PropertyValueNotInList"),
        (WATCHER | {"Password": 7}, 400, "PropertyValueTypeError"),
        (WATCHER | {"Password": ""}, 400, "PropertyValueFormatError"),
        (WATCHER | {"Shell": "bash"}, 400, "PropertyUnknown"),
        (WATCHER | {"UserName": "admin"}, 409, "ResourceAlreadyExists"),
    ],
)
def test_accounts_that_cannot_be(admin: httpx.Client, account: dict[str, object], status: int, message: str) -> None:
    """Each is refused with the message that is for it, and none is made."""
    refused = admin.post(ACCOUNTS, json=account)
    assert (refused.status_code, said(refused)) == (status, [message])
    assert admin.get(ACCOUNTS).json()["Members@odata.count"] == 1


def test_there_is_always_an_account(admin: httpx.Client) -> None:
    """The one that the BMC came with stays, and there is room for fifteen others."""
    assert said(admin.delete(f"{ACCOUNTS}/1")) == ["ResourceCannotBeDeleted"]
    answers = [admin.post(ACCOUNTS, json=WATCHER | {"UserName": f"user{number}"}) for number in range(16)]
    assert [answer.status_code for answer in answers] == [201] * 15 + [400]
    assert said(answers[-1]) == ["CreateLimitReachedForResource"]
