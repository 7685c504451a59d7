"""MAAS's objects as our records, and what is no object of MAAS's."""

import base64
import copy
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmprov.deadline import Deadline
from bmprov.maas import MaasMachine, NodeStatus
from bmprov.model import Arch
from bmprov.power import Power
from tests.maas.documents import machine_document
from tests.maas.region import Region
from tests.maas.status import NodeStatus as RealStatus
from tests.worker.maas.odd_region import odd_region, says
from worker.http_answer import parsed
from worker.maas import documents
from worker.maas.errors import MaasBroken
from worker.maas.facts import Odd

Reader = Callable[[object], object]
_REGION = Region()
_REGION.add_machine(tags=frozenset({"gpu"}))
MACHINE: dict[str, Any] = json.loads(json.dumps(machine_document(next(iter(_REGION.machines.values())))))
NIC: dict[str, Any] = MACHINE["boot_interface"]
VLAN_NIC: dict[str, Any] = {**NIC, "type": "vlan", "name": "eth0.7", "parents": ["eth0"]}
SUBNET: dict[str, Any] = NIC["links"][0]["subnet"]
FABRIC = {"id": 0, "name": "fabric-0", "vlans": [NIC["vlan"]]}
EVENT = {"created": "Sun, 22 Nov. 2026 00:00:00", "level": "INFO", "type": "Deploying", "description": "now"}
RESULT = {"status": 3, "output": base64.b64encode(b"failed\n").decode()}
DOCUMENTS: list[tuple[Reader, object]] = [
    (documents.machine, MACHINE),
    (documents.machines, [MACHINE]),
    (documents.nic, NIC),
    (documents.vlan_nic, VLAN_NIC),
    (documents.vlan, NIC["vlan"]),
    (documents.vlans, [NIC["vlan"]]),
    (documents.fabrics, [FABRIC]),
    (documents.subnet, SUBNET),
    (documents.subnets, [SUBNET]),
    (documents.power, {"state": "on"}),
    (documents.version, {"version": "3.7.3"}),
    (documents.user, {"username": "admin", "is_superuser": True}),
    (documents.events, {"events": [EVENT]}),
    (documents.output, {"results": [RESULT]}),
    (documents.count, [{}]),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def machine(**changed: object) -> MaasMachine:
    return documents.machine({**MACHINE, **changed})


def places(told: object) -> Iterator[tuple[Any, Any]]:
    """Each value inside a document: what holds it, and under which key."""
    for key, value in list(told.items() if isinstance(told, dict) else enumerate(told)):  # type: ignore[call-overload]
        yield told, key
        if isinstance(value, dict | list):
            yield from places(value)


@pytest.mark.parametrize(("reader", "told"), DOCUMENTS, ids=lambda one: getattr(one, "__name__", ""))
@given(data=st.data(), other=JSON)
def test_mangled_documents(reader: Reader, told: object, data: st.DataObject, other: object) -> None:
    """Whatever is put anywhere, or left out: a record, or a sentence, and no other error."""
    mangled = copy.deepcopy(told)
    holder, key = data.draw(st.sampled_from(list(places(mangled))))
    if data.draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = other
    with suppress(Odd):
        reader(mangled)


@pytest.mark.parametrize(("reader", "told"), DOCUMENTS, ids=lambda one: getattr(one, "__name__", ""))
@given(other=JSON)
def test_other_documents(reader: Reader, told: object, other: object) -> None:
    """Nor of any JSON at all; what the document really is, is read."""
    with suppress(Odd):
        reader(other)
    assert reader(told)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_what_is_no_json(content: bytes) -> None:
    """It is nothing, and never an exception."""
    parsed(content)


def test_a_machine_that_was_never_commissioned() -> None:
    """MAAS knows next to nothing of it, and lists it all the same."""
    bare = dict.fromkeys(MACHINE) | {"system_id": "abc123", "status": 0, "interface_set": [], "architecture": ""}
    found = documents.machine(bare)
    assert found == MaasMachine("abc123", "", NodeStatus.NEW)


@pytest.mark.parametrize(
    ("architecture", "arch"),
    [
        ("amd64/generic", Arch.X86_64),
        ("arm64/xgene", Arch.AARCH64),
        ("ppc64el/generic", None),
        ("", None),
        (None, None),
    ],
)
def test_architectures(architecture: str | None, arch: Arch | None) -> None:
    """MAAS's words for what we deploy on."""
    assert machine(architecture=architecture).arch is arch


@pytest.mark.parametrize(("told", "power"), [("on", Power.ON), ("off", Power.OFF), ("error", Power.UNKNOWN)])
def test_powers(told: str, power: Power) -> None:
    """A BMC that MAAS could not read is of unknown power."""
    assert machine(power_state=told).power is power
    assert documents.power({"state": told}) is power


@pytest.mark.parametrize("status", RealStatus)
def test_statuses(status: RealStatus) -> None:
    """All that MAAS has are read."""
    assert machine(status=int(status)).status == status


def test_a_status_that_maas_has_not() -> None:
    """A newer MAAS may have it: it is not taken for another."""
    with pytest.raises(Odd, match=r"the status 23 of machine \w+ is none that MAAS 3.7 has"):
        machine(status=23)


@pytest.mark.parametrize("system_id", ["", None, "../x", "a/b", "a b", "ä", "x" * 100, 7])
def test_a_system_id_that_is_none(system_id: object) -> None:
    """It would lead elsewhere in addresses."""
    with pytest.raises(Odd, match="system_id"):
        machine(system_id=system_id)


def test_only_physical_nics() -> None:
    """Bonds and bridges are made of those; the one that boots is first, wherever it stands."""
    nics = [{**NIC, "id": number, "name": f"n{number}"} for number in range(4)]
    nics[1]["type"] = "bond"
    found = machine(interface_set=nics, boot_interface=nics[3]).nics
    assert [nic.name for nic in found] == ["n3", "n0", "n2"]
    assert [nic.name for nic in machine(interface_set=nics, boot_interface=None).nics] == ["n0", "n2", "n3"]


def test_vlan_interfaces() -> None:
    """They stand beside the NICs, with the name of the one that each is on."""
    found = machine(interface_set=[VLAN_NIC, NIC])
    assert [nic.name for nic in found.nics] == ["eth0"]
    assert [(one.name, one.parent, one.links) for one in found.vlan_nics] == [("eth0.7", "eth0", found.nics[0].links)]


def test_macs() -> None:
    """In lower case with colons, whoever wrote them."""
    assert documents.nic({**NIC, "mac_address": "52-54-00-AB-CD-EF"}).mac == "52:54:00:ab:cd:ef"
    with pytest.raises(Odd, match="mac_address of the NIC is no MAC"):
        documents.nic({**NIC, "mac_address": "52:54"})


def test_a_nic_without_a_network() -> None:
    """It is disconnected, or linked to nothing."""
    found = documents.nic({**NIC, "vlan": None, "links": [{"id": 3, "mode": "link_up"}]})
    assert (found.vlan_id, found.vid, found.fabric, found.fabric_id) == (None, None, "", None)
    assert (found.links[0].subnet_id, found.links[0].cidr) == (None, "")


def test_disks() -> None:
    """The boot disk counts; where MAAS knows none, all disks together."""
    assert machine(boot_disk={"size": 2 * 2**30}).disk_gib == 2
    assert machine(boot_disk=None, storage=11000.5).disk_gib == 10
    assert machine(boot_disk=None, storage=None).disk_gib == 0


def test_hardware() -> None:
    """What MAAS does not know is not told."""
    told = {"system_vendor": "Dell Inc.", "system_serial": "Unknown", "cpu_model": "", "chassis_type": None}
    assert machine(hardware_info=told).hardware == {"system_vendor": "Dell Inc."}


def test_texts_are_fit_for_a_terminal_and_a_database() -> None:
    """One line, without control characters, not for ever."""
    found = machine(status_message="a\nb\x00\x1b[31m" + "x" * 1000).status_message
    assert found.startswith("a b[31mx")
    assert len(found) == 500


def test_events() -> None:
    """With their time; without a date that is understood, without one."""
    odd = {"created": "yesterday", "level": "ERROR", "type": "Node installation failure", "description": ""}
    first, second = documents.events({"events": [EVENT, odd]})
    assert (first.at, first.level, first.text) == (1795305600.0, "INFO", "Deploying: now")
    assert (second.at, second.text) == (None, "Node installation failure")


def test_output() -> None:
    """Of those scripts that failed; of all, if none did."""
    fine = {"status": 2, "output": base64.b64encode(b"fine \xff").decode()}
    assert documents.output({"results": [fine, RESULT, RESULT]}) == "failed\nfailed"
    assert documents.output({"results": [fine, {"status": 2}]}) == "fine �"
    with pytest.raises(Odd, match="output of one of results of the results is no base64"):
        documents.output({"results": [{"output": "x"}]})


def test_an_odd_document_is_told(by: Deadline) -> None:
    """With the region, the call and what is wrong; another moment may change it."""
    content = json.dumps([MACHINE, {**MACHINE, "status": "on fire"}]).encode()
    with (
        odd_region(says(200, content)) as odd,
        pytest.raises(MaasBroken, match=r"GET machines/ with .*\(status of one of the list of machines is no number"),
    ):
        odd.client().machines(by)
