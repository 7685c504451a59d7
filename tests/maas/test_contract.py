"""The region against `contract.json`: operations with their parameters, and a machine's keys, as MAAS 3.7.3 has them.

The file was distilled from the description that a region of MAAS 3.7.3 served and from two machines, one Ready and one
Deployed, as it told them. A type in it is that of JSON; a key with a question mark was in one of the two only.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.maas.client import Client, curl
from tests.maas.other_calls import VERSION
from tests.maas.running import RunningRegion
from tests.maas.status import BY_FILTER, NAMES, NodeStatus

CONTRACT = json.loads(Path(__file__).with_name("contract.json").read_text())
TYPES = {"int": int, "str": str, "bool": bool, "float": float, "null": type(None)}


@pytest.fixture
def described(maas: RunningRegion) -> dict[str, dict[str, Any]]:
    told = curl(f"{maas.url}/api/2.0/describe/").json
    return {resource["name"]: resource for resource in told["resources"]}


def test_the_version_is_the_contract_s(client: Client) -> None:
    """The region says that it is the MAAS that the contract is of."""
    assert client.get("version/")["version"] == VERSION == CONTRACT["maas"]


def test_every_resource_is_one_of_maas_s(described: dict[str, dict[str, Any]], maas: RunningRegion) -> None:
    """With its path, its variables, and its own sort of door."""
    assert described.keys() == CONTRACT["resources"].keys()
    for name, resource in described.items():
        real = CONTRACT["resources"][name]
        assert (resource["anon"] is not None, resource["auth"] is not None) == (real["anonymous"], real["key"])
        handler = resource["auth"] or resource["anon"]
        assert (handler["path"], handler["params"]) == (real["path"], real["params"])
        assert handler["uri"] == maas.url.removesuffix("/MAAS") + handler["path"]


def test_every_operation_is_one_of_maas_s(described: dict[str, dict[str, Any]]) -> None:
    """With its method, and no parameter that MAAS's has not."""
    for name, resource in described.items():
        for action in (resource["auth"] or resource["anon"])["actions"]:
            real = CONTRACT["resources"][name]["actions"][action["name"]]
            assert (action["method"], action["op"], action["restful"]) == (real["method"], real["op"], not real["op"])
            assert set(re.findall(r":param (\w+):", action["doc"])) <= set(real["parameters"])


def test_what_is_described_is_served(described: dict[str, dict[str, Any]], client: Client, maas: RunningRegion) -> None:
    """Every reading that is described answers."""
    machine = client.get("machines/")[0]
    client.post(f"machines/{machine['system_id']}/", "deploy")
    maas.add_machine(tags=frozenset({"tagged"}))
    known = {"system_id": machine["system_id"], "fabric_id": "0", "vid": "0", "name": "tagged"}
    ids = {"Interface": machine["boot_interface"]["id"], "NodeScriptResult": "current-installation", "Fabric": 0}
    for name, resource in described.items():
        handler = resource["auth"] or resource["anon"]
        path = handler["path"].format(**known, id=ids.get(name.removesuffix("Handler"), 1))
        for action in handler["actions"]:
            if action["method"] == "GET":
                client.get(path.removeprefix("/MAAS/api/2.0/"), **({"op": action["op"]} if action["op"] else {}))


@pytest.mark.parametrize("status", [NodeStatus.READY, NodeStatus.DEPLOYED])
def test_a_machine_has_the_keys_of_a_real_one(maas: RunningRegion, client: Client, status: NodeStatus) -> None:
    """And each key a type that it was seen with; in the list as alone."""
    machine = maas.machine("node0001")
    if status is NodeStatus.DEPLOYED:
        client.post(f"machines/{machine.system_id}/", "deploy")
        maas.wait("node0001", status)
    alone = client.get(f"machines/{machine.system_id}/")
    _compare(alone, CONTRACT["machine"], "machine")
    assert alone in client.get("machines/")


def test_there_are_23_statuses() -> None:
    """Numbered without a gap, each with a name of its own and a name in filters."""
    assert sorted(NAMES) == list(range(23))
    assert len(set(NAMES.values())) == len(BY_FILTER) == 23


@pytest.mark.parametrize("status", NodeStatus)
def test_every_status_is_told_and_filtered(maas: RunningRegion, client: Client, status: NodeStatus) -> None:
    """A machine may be in any, and the list finds it by it."""
    for machine in maas.machines:
        machine.status = NodeStatus.NEW
    maas.machine("node0001").status = status
    found = client.get("machines/", status=status.name.lower())
    assert (found[0]["hostname"], found[0]["status"], found[0]["status_name"]) == ("node0001", status, NAMES[status])


def _compare(ours: Any, real: Any, where: str) -> None:  # noqa: ANN401 - JSON
    if isinstance(real, dict):
        needed = {key for key in real if not key.endswith("?")}
        assert needed <= ours.keys() <= {key.rstrip("?") for key in real}, where
        for key, value in ours.items():
            _compare(value, real.get(key, real.get(f"{key}?")), f"{where}.{key}")
    elif isinstance(real, list):
        assert isinstance(ours, list), where
        for one in ours if real else []:
            _compare(one, real[0], f"{where}[]")
    else:
        assert type(ours) in {TYPES[name] for name in real.split("|")}, f"{where} is {ours!r}, was {real}"
