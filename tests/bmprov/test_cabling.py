"""Which port holds for a NIC, of all that was said about its cable."""

from dataclasses import replace

import pytest

from bmprov.cabling import (
    Cable,
    Fact,
    Heard,
    Interface,
    KnownSwitches,
    ManagedSwitch,
    Neighbour,
    NicCabling,
    PortPlace,
    RelaySighting,
    Source,
    settle,
)

MAC = "52:54:00:00:00:01"
LEAF = ManagedSwitch(
    id="s-1",
    name="leaf-1",
    address="cisco-ios://10.1.0.2",
    user="admin",
    sealed_password=b"",
    sealed_enable=b"",
    provisioning_vlan=10,
    quarantine_vlan=4000,
    uplinks=("GigabitEthernet1/0/48", "Port-channel1"),
    known_as=("00:1C:73:00:00:01",),
)
OTHER = replace(LEAF, id="s-2", name="Leaf-2.example.org", address="juniper-junos://10.1.0.3", uplinks=(), known_as=())
SWITCHES = KnownSwitches([LEAF, OTHER])
ENTERED = Cable(MAC, "s-1", "GigabitEthernet1/0/7", by="anna", at=100.0)
SAME_PORT = Neighbour(MAC, "leaf-1", "00:1c:73:00:00:01", "Gi1/0/7", seen_at=200.0)
OTHER_PORT = replace(SAME_PORT, port="Gi1/0/8")
RELAY = RelaySighting(MAC, "10.1.0.1", "Gi1/0/7", "leaf-1", 200.0)
PLACE = PortPlace(LEAF, "GigabitEthernet1/0/7")


def settled(
    cable: Cable | None = None,
    neighbour: Neighbour | None = None,
    relay: RelaySighting | None = None,
    rivals: tuple[str, ...] = (),
) -> NicCabling:
    return settle(MAC, Heard(cable, neighbour, relay, rivals), SWITCHES)


def test_of_a_nic_that_nobody_speaks_of_nothing_is_known() -> None:
    """No port is guessed."""
    assert settled() == NicCabling(MAC)


def test_what_a_person_entered_holds() -> None:
    """It is told with who entered it and when."""
    fact = Fact(Source.HAND, "leaf-1 GigabitEthernet1/0/7", 100.0, "anna", PLACE)
    assert settled(ENTERED) == NicCabling(MAC, (fact,), PLACE)


def test_the_aggregate_is_what_a_switch_is_told_about() -> None:
    """The port that the cable is in stays known beside it."""
    place = settled(replace(ENTERED, aggregate="Port-channel7", source=Source.FILE)).place
    assert place is not None
    assert (place.port, place.interface) == ("GigabitEthernet1/0/7", Interface(LEAF, "Port-channel7"))
    assert str(place) == "leaf-1 GigabitEthernet1/0/7 in Port-channel7"
    assert PLACE.interface == Interface(LEAF, "GigabitEthernet1/0/7")


@pytest.mark.parametrize(
    "neighbour",
    [
        SAME_PORT,
        replace(SAME_PORT, system="", port="GigabitEthernet1/0/7"),
        replace(SAME_PORT, system="LEAF-1.example.org", chassis=""),
        replace(SAME_PORT, chassis="aa:bb:cc:dd:ee:ff"),
        replace(SAME_PORT, port="gigabit 7", description="Gi1/0/7"),
    ],
)
def test_lldp_is_enough_where_nobody_has_entered_anything(neighbour: Neighbour) -> None:
    """The switch is known by its name, with domain or without, or by its chassis; the port by either of its texts."""
    known = settled(None, neighbour)
    assert known.place == PLACE
    assert known.conflicts == ()
    assert known.facts[0].source is Source.LLDP


def test_a_switch_entered_with_its_domain_is_known_by_it() -> None:
    """Junos tells a number as its port, and the port's name as the description."""
    told = Neighbour(MAC, "leaf-2.EXAMPLE.org", "", "513", "xe-0/0/7")
    assert settled(None, told).place == PortPlace(OTHER, "xe-0/0/7")


def test_an_address_is_no_name_with_a_domain() -> None:
    """`10.1.0.2` is not the switch that is called `10`, nor a MAC one that is called as its first byte is."""
    ten = KnownSwitches([replace(LEAF, name="leaf-9", known_as=("00",))])
    assert ten.called("00:1c:73:00:00:01") is None
    assert ten.called("", "leaf-9.example.org") is not None


def test_a_relay_is_enough_where_its_words_are_a_port_of_ours() -> None:
    """Mostly they are bytes of the maker's own, which say nothing and speak against nothing."""
    assert settled(relay=RELAY).place == PLACE
    bytes_told = replace(RELAY, circuit_id="0x00040a010007", remote_id="0x0006001c73000001")
    known = settled(relay=bytes_told)
    assert (known.place, known.conflicts) == (None, ())
    assert known.facts[0].words == "0x0006001c73000001 0x00040a010007 by relay 10.1.0.1"
    assert settled(ENTERED, relay=bytes_told).place == PLACE


def test_what_agrees_is_no_conflict() -> None:
    """All three are shown."""
    known = settled(ENTERED, SAME_PORT, RELAY)
    assert (known.place, known.conflicts) == (PLACE, ())
    assert [fact.source for fact in known.facts] == [Source.HAND, Source.LLDP, Source.RELAY]


@pytest.mark.parametrize(
    ("neighbour", "relay", "told"),
    [
        (OTHER_PORT, None, "LLDP says leaf-1 GigabitEthernet1/0/8"),
        (Neighbour(MAC, OTHER.name, "", "xe-0/0/7", seen_at=200.0), None, "LLDP says Leaf-2.example.org xe-0/0/7"),
        (
            replace(OTHER_PORT, system="core-1", chassis="aa"),
            None,
            "LLDP says core-1 Gi1/0/8, which is no port of a switch known here",
        ),
        (None, replace(RELAY, circuit_id="Gi1/0/9"), "DHCP's option 82 says leaf-1 GigabitEthernet1/0/9"),
    ],
)  # fmt: skip
def test_what_is_newer_and_contradicts_leaves_nothing(
    neighbour: Neighbour | None, relay: RelaySighting | None, told: str
) -> None:
    """A person decides: neither is believed."""
    known = settled(ENTERED, neighbour, relay)
    assert (known.place, known.conflicts) == (None, (told,))


def test_what_a_person_enters_after_it_was_heard_is_believed() -> None:
    """So a conflict is settled by entering the cable again."""
    known = settled(replace(ENTERED, at=200.0), OTHER_PORT, replace(RELAY, circuit_id="Gi1/0/9"))
    assert (known.place, known.conflicts) == (PLACE, ())


def test_lldp_and_a_relay_that_contradict_each_other() -> None:
    """Whichever is older: nobody can tell which of them is still true."""
    for at in (100.0, 300.0):
        known = settled(None, SAME_PORT, replace(RELAY, circuit_id="Gi1/0/9", seen_at=at))
        assert (known.place, known.conflicts) == (None, ("DHCP's option 82 says leaf-1 GigabitEthernet1/0/9",))


def test_a_relay_does_not_hold_against_a_switch_that_is_not_known() -> None:
    """LLDP names another switch: the port may be one that we must not touch."""
    known = settled(None, replace(SAME_PORT, system="core-1", chassis="aa"), RELAY)
    assert known.place is None
    assert known.conflicts == ("LLDP says core-1 Gi1/0/7, which is no port of a switch known here",)


def test_two_nics_on_one_port_are_a_conflict() -> None:
    """The other is named."""
    known = settled(ENTERED, SAME_PORT, rivals=("NIC 52:54:00:00:00:02 of m2",))
    assert known.place is None
    assert known.conflicts == ("NIC 52:54:00:00:00:02 of m2 is said to be on leaf-1 GigabitEthernet1/0/7 too",)


@pytest.mark.parametrize(
    "cable", [replace(ENTERED, port="GigabitEthernet1/0/48"), replace(ENTERED, aggregate="Port-channel1")]
)
def test_an_uplink_never_holds(cable: Cable) -> None:
    """Neither as the port nor as its aggregate, whoever says it."""
    known = settled(cable)
    assert known.place is None
    assert known.conflicts[0].endswith("is an uplink")
    assert settled(None, replace(SAME_PORT, port="Gi1/0/48")).place is None
