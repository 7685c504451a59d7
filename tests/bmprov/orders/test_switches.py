"""Orders about switches, on a real SQLite file."""

from dataclasses import replace
from typing import Any

import pytest

from bmprov.cabling import Interface, ManagedSwitch
from bmprov.errors import Conflict, Invalid, NotFound
from bmprov.orders import NewSwitch, NicPort, SwitchChange
from bmprov.vlans import VlanRanges
from tests.bmprov.orders.conftest import ADMIN, LEAF, Office

KEY = "SHA256:" + "a" * 43


def test_a_switch_is_added_with_its_secrets_sealed(office: Office) -> None:
    """One spelling of its address and of its chassis' MAC, an event without a password."""
    new = replace(
        LEAF, address="cisco-ios://LEAF-1.example.org:22/", enable="streng geheim", known_as=("001C.7300.0001",)
    )
    switch = office.orders.add_switch(new, ADMIN)
    assert (switch.name, switch.address, switch.user) == ("leaf-1", "cisco-ios://leaf-1.example.org", "bmprov")
    assert switch.vlans == VlanRanges(((100, 199), (1577, 1577)))
    assert (switch.provisioning_vlan, switch.quarantine_vlan) == (10, 4000)
    assert (switch.uplinks, switch.known_as) == (("GigabitEthernet1/0/48",), ("00:1c:73:00:00:01",))
    assert (switch.create_vlans, switch.save, switch.site, switch.heard_at) == (True, False, "default", None)
    opened = [office.vault.open(secret).decode() for secret in (switch.sealed_password, switch.sealed_enable)]
    assert opened == ["geheim", "streng geheim"]
    assert office.events() == [("switch added", "leaf-1 at cisco-ios://leaf-1.example.org")]
    assert "geheim" not in repr((switch, new, SwitchChange(password="geheim", enable="geheim")))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"address": "cisco-iosxr://10.1.0.2"}, "no driver speaks 'cisco-iosxr'"),
        ({"address": "cisco-ios://bmprov:geheim@10.1.0.2"}, "neither user nor password"),
        ({"address": "cisco-ios://"}, "no address of a switch"),
        ({"address": "cisco-ios://10.1.0.2/x"}, "no address of a switch"),
        ({"address": "cisco-ios://10.1.0.2:99999"}, "no address of a switch"),
        ({"address": "10.1.0.2"}, "no driver speaks ''"),
        ({"address": "linux-bridge://10.1.0.2"}, "names no bridge"),
        ({"user": ""}, "nobody logs in to switch 'leaf-1'"),
        ({"address": "linux-bridge://10.1.0.2/br0", "uplinks": (), "user": ""}, "nobody logs in to switch 'leaf-1'"),
        ({"vlans": ""}, "has no VLANs for tenants"),
        ({"vlans": "100-"}, "no range of VLANs"),
        ({"provisioning_vlan": 4095}, "4095 is no VLAN"),
        ({"quarantine_vlan": 0}, "0 is no VLAN"),
        ({"provisioning_vlan": 150}, "the provisioning VLAN 150 is inside the tenants' VLANs 100-199,1577"),
        ({"quarantine_vlan": 1577}, "the quarantine VLAN 1577 is inside the tenants' VLANs"),
        ({"quarantine_vlan": 10}, "VLAN 10 cannot be both the provisioning and the quarantine VLAN"),
        ({"uplinks": ("Gi1/0/48",)}, "write GigabitEthernet1/0/48"),
        ({"uplinks": ("swp48",)}, "is no port of cisco-ios"),
        ({"host_key": "SHA256:abc"}, "no fingerprint of an SSH host key"),
        ({"host_key": "MD5:00:11"}, "no fingerprint of an SSH host key"),
        ({"address": "linux-bridge:///br0", "uplinks": (), "save": True}, "no configuration to save"),
    ],
)
def test_a_switch_that_makes_no_sense_is_refused(office: Office, wrong: dict[str, Any], why: str) -> None:
    """The sentence says why and holds no secret; nothing is entered."""
    with pytest.raises(Invalid, match=why) as caught:
        office.orders.add_switch(replace(LEAF, **wrong), ADMIN)
    assert "geheim" not in str(caught.value)
    assert office.switches() == []
    assert office.events() == []


@pytest.mark.parametrize("wrong", [{"vlans": "1-4094"}, {"quarantine_vlan": 10}, {"uplinks": ("swp1",)}, {"user": ""}])
def test_a_change_that_makes_no_sense_is_refused(office: Office, wrong: dict[str, Any]) -> None:
    """What was entered is held against what is told; all stays as it was."""
    before = office.orders.add_switch(LEAF, ADMIN)
    with pytest.raises(Invalid):
        office.orders.change_switch("leaf-1", SwitchChange(**wrong), ADMIN)
    assert office.switches() == [before]


@pytest.mark.parametrize("address", ["linux-bridge:///br0", "fake://leaf-1"])
def test_a_bridge_of_this_host_and_a_fake_need_no_user(office: Office, address: str) -> None:
    """Nobody logs in to them."""
    switch = office.orders.add_switch(replace(LEAF, address=address, user="", password="", uplinks=("eth9",)), ADMIN)
    assert switch.address == address


def test_a_switch_is_entered_once(office: Office) -> None:
    """Not twice by its name, by another spelling of its address, or by what LLDP calls it."""
    office.orders.add_switch(replace(LEAF, known_as=("leaf-1.old",)), ADMIN)
    other = replace(LEAF, name="leaf-2", address="cisco-ios://10.1.0.3")
    taken: list[dict[str, Any]] = [
        {"name": "leaf-1"},
        {"name": "LEAF-1"},
        {"address": "cisco-ios://10.1.0.2:22"},
        {"known_as": ("Leaf-1.old",)},
        {"name": "leaf-1.OLD"},
    ]
    for same in taken:
        with pytest.raises(Conflict):
            office.orders.add_switch(replace(other, **same), ADMIN)
    assert [switch.name for switch in office.switches()] == ["leaf-1"]
    office.orders.add_switch(other, ADMIN)
    with pytest.raises(Conflict, match=r"switch 'leaf-1' is called leaf-1\.old too"):
        office.orders.change_switch("leaf-2", SwitchChange(known_as=("leaf-1.old",)), ADMIN)


def test_what_is_not_told_stays(office: Office) -> None:
    """The event says what was changed, and of a secret only that it was."""
    before = office.orders.add_switch(replace(LEAF, enable="geheim", host_key=KEY), ADMIN)
    change = SwitchChange(password="neu", vlans="200", save=True, uplinks=(), host_key="")
    after = office.orders.change_switch(before.id, change, ADMIN)
    told: dict[str, Any] = {"vlans": VlanRanges(((200, 200),)), "save": True, "uplinks": (), "host_key": ""}
    assert after == replace(before, sealed_password=after.sealed_password, **told)
    assert office.vault.open(after.sealed_password) == b"neu"
    assert office.events()[-1] == ("switch changed", "leaf-1: vlans 200, password, host_key, uplinks, save True")


def test_a_change_of_nothing_leaves_no_trace(office: Office) -> None:
    """Nothing was done, so nothing is told."""
    before = office.orders.add_switch(LEAF, ADMIN)
    assert office.orders.change_switch("leaf-1", SwitchChange(), ADMIN) == before
    assert len(office.events()) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (SwitchChange(uplinks=("GigabitEthernet1/0/7",)), "NICs are cabled to port GigabitEthernet1/0/7"),
        (SwitchChange(uplinks=("Port-channel7",)), "NICs are cabled to port Port-channel7"),
        (
            SwitchChange(address="cumulus://10.1.0.2", uplinks=()),
            "port GigabitEthernet1/0/7, Port-channel7 of switch 'leaf-1', which cumulus has not",
        ),
        (SwitchChange(site="basel"), "NICs of site default are cabled"),
    ],
)
def test_a_change_that_cables_do_not_go_with_is_refused(office: Office, change: SwitchChange, why: str) -> None:
    """Else they would be entered for ports that must not be set, or cannot."""
    office.orders.add_switch(LEAF, ADMIN)
    office.enrol("m1")
    office.orders.set_cable("m1", NicPort("0", "leaf-1", "GigabitEthernet1/0/7", "Port-channel7"), ADMIN)
    with pytest.raises(Conflict, match=why):
        office.orders.change_switch("leaf-1", change, ADMIN)
    office.orders.remove_cable("m1", "0", ADMIN)
    office.orders.change_switch("leaf-1", change, ADMIN)


def test_a_switch_is_removed_when_nothing_is_cabled_to_it(office: Office) -> None:
    """It is told in the event log."""
    office.orders.add_switch(LEAF, ADMIN)
    office.enrol("m1")
    office.orders.set_cable("m1", NicPort("0", "leaf-1", "GigabitEthernet1/0/7"), ADMIN)
    with pytest.raises(Conflict, match="`bmprov cable list --switch leaf-1`"):
        office.orders.remove_switch("leaf-1", ADMIN)
    office.orders.remove_cable("m1", "0", ADMIN)
    office.orders.remove_switch("leaf-1", ADMIN)
    assert office.switches() == []
    assert office.events()[-1] == ("switch removed", "leaf-1 at cisco-ios://10.1.0.2")


def test_a_switch_that_is_not_there(office: Office) -> None:
    """Each order says how to find those that are."""
    with pytest.raises(NotFound, match="`bmprov switch list`"):
        office.orders.change_switch("leaf-9", SwitchChange(save=True), ADMIN)
    with pytest.raises(NotFound, match="`bmprov switch list`"):
        office.orders.remove_switch("leaf-9", ADMIN)


def test_a_new_switch_is_what_the_records_have(office: Office) -> None:
    """A field that one of them has and the other not would be lost in silence."""
    own = {"id", "heard_at", "error", "created_at", "sealed_password", "sealed_enable", "sealed_key"}
    stored = set(ManagedSwitch.__dataclass_fields__) - own | {"password", "enable", "key"}
    assert set(NewSwitch.__dataclass_fields__) == stored
    assert set(SwitchChange.__dataclass_fields__) == stored - {"name"}
    assert office.switches() == []


def test_a_tenants_vlan_does_not_become_ours(office: Office) -> None:
    """Not while a port of the switch is open: the tenant in that VLAN would be on the provisioning network."""
    office.orders.add_switch(LEAF, ADMIN)
    machine, [switch] = office.enrol("m1"), office.switches()
    port = Interface(switch, "GigabitEthernet1/0/7")
    with office.store.write() as transaction:
        transaction.ports.open(machine, [port])
    change = SwitchChange(vlans="100-199", provisioning_vlan=1577)
    with pytest.raises(
        Conflict, match="VLAN 1577 is one of the tenants' on switch 'leaf-1', which has open ports of m1"
    ):
        office.orders.change_switch("leaf-1", change, ADMIN)
    with office.store.write() as transaction:
        transaction.ports.close(machine, [port])
    assert office.orders.change_switch("leaf-1", change, ADMIN).provisioning_vlan == 1577
