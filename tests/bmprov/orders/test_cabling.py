"""Orders about cables, on a real SQLite file."""

from dataclasses import replace

import pytest

from bmprov.cabling import Neighbour, Source
from bmprov.errors import Conflict, Invalid, NotFound
from bmprov.lifecycle import Kind, State
from bmprov.model import BackEnd, Bmc, Machine, Nic
from bmprov.orders import Entered, MachineCable, NewMachine, NicPort
from bmprov.power import BmcLogin, PowerAction
from tests.bmprov.orders.conftest import ADMIN, LEAF, Office

PORT = "GigabitEthernet1/0/7"
OTHER_PORT = "GigabitEthernet1/0/8"
CABLE = NicPort("0", "leaf-1", PORT)


@pytest.fixture
def office(office: Office) -> Office:
    """With a switch and two machines."""
    office.orders.add_switch(LEAF, ADMIN)
    office.enrol("m1")
    office.enrol("m2")
    return office


def test_a_cable_is_entered_for_a_nic_by_its_position_or_its_mac(office: Office) -> None:
    """With who entered it, and told in the event log."""
    office.orders.set_cable("m1", CABLE, ADMIN)
    office.orders.set_cable("m1", NicPort("52:54:00:00:01:01", "leaf-1", OTHER_PORT, "Port-channel7"), ADMIN)
    [fact] = office.cabling("m1").facts
    assert (fact.source, fact.by, fact.at) == (Source.HAND, "admin", 1000.0)
    assert [office.place("m1", place) for place in (0, 1)] == [
        f"leaf-1 {PORT}",
        f"leaf-1 {OTHER_PORT} in Port-channel7",
    ]
    assert office.events()[-1] == ("cable", f"NIC 52:54:00:00:01:01: leaf-1 {OTHER_PORT} in Port-channel7")


@pytest.mark.parametrize(
    ("cable", "why"),
    [
        (replace(CABLE, nic="2"), r"no NIC '2': of its NICs 0 is 52:54:00:00:01:00, 1 is 52:54:00:00:01:01"),
        (replace(CABLE, nic="52:54:00:00:02:00"), "machine 'm1' has no NIC"),
        (replace(CABLE, switch="leaf-9"), "no switch 'leaf-9'"),
        (replace(CABLE, port="Gi1/0/7"), f"write {PORT}"),
        (replace(CABLE, port=PORT, aggregate="Po7"), "write Port-channel7"),
        (replace(CABLE, port="GigabitEthernet1/0/48"), "GigabitEthernet1/0/48 is an uplink of switch 'leaf-1'"),
        (replace(CABLE, aggregate="GigabitEthernet1/0/48"), "is an uplink"),
        (replace(CABLE, port="Port-channel7", aggregate="Port-channel7"), "its own aggregate"),
    ],
)
def test_a_cable_that_makes_no_sense_is_refused(office: Office, cable: NicPort, why: str) -> None:
    """The sentence says what to write instead."""
    with pytest.raises((Invalid, NotFound), match=why):
        office.orders.set_cable("m1", cable, ADMIN)
    assert office.cabling("m1").facts == ()


def test_a_machine_of_another_site_or_of_maas_is_not_cabled(office: Office) -> None:
    """A site's workers set its switches; MAAS's machines are MAAS's to connect."""
    office.enrol("far", site="basel")
    with pytest.raises(Invalid, match="is at site basel, switch 'leaf-1' at default"):
        office.orders.set_cable("far", CABLE, ADMIN)
    with office.store.write() as transaction:
        nics = (Nic("52:54:00:00:99:00", 0),)
        transaction.machines.add(Machine("x", "x", Bmc("maas://lab/x", "", b""), nics, back_end=BackEnd.MAAS))
    with pytest.raises(Invalid, match="a MAAS's"):
        office.orders.set_cable("x", CABLE, ADMIN)


def test_a_port_is_one_nics(office: Office) -> None:
    """The refusal names who has it."""
    office.orders.set_cable("m1", CABLE, ADMIN)
    with pytest.raises(Conflict, match="NIC 52:54:00:00:01:00 of m1 is entered"):
        office.orders.set_cable("m2", CABLE, ADMIN)


def test_an_aggregate_is_one_machines(office: Office) -> None:
    """And no port that a cable is in."""
    office.orders.set_cable("m1", replace(CABLE, aggregate="Port-channel7"), ADMIN)
    office.orders.set_cable("m1", NicPort("1", "leaf-1", OTHER_PORT, "Port-channel7"), ADMIN)
    ninth = NicPort("0", "leaf-1", "GigabitEthernet1/0/9")
    with pytest.raises(Conflict, match="aggregate Port-channel7 of switch 'leaf-1' is m1's"):
        office.orders.set_cable("m2", replace(ninth, aggregate="Port-channel7"), ADMIN)
    with pytest.raises(Conflict, match="Port-channel7 of switch 'leaf-1' is entered as a port and as an aggregate"):
        office.orders.set_cable("m2", replace(ninth, port="Port-channel7"), ADMIN)
    with pytest.raises(Conflict, match=f"{PORT} of switch 'leaf-1' is entered as a port and as an aggregate"):
        office.orders.set_cable("m2", replace(ninth, aggregate=PORT), ADMIN)


@pytest.mark.parametrize("kind", [Kind.DEPLOY, Kind.RELEASE])
def test_a_machine_whose_ports_are_being_moved_keeps_its_cables(office: Office, kind: Kind) -> None:
    """What a flow goes by does not change under it; a file that would is refused, one that has it just so is not."""
    machine, third = office.enrol("m3", state=State.ERROR), replace(CABLE, port="GigabitEthernet1/0/9")
    office.orders.set_cable("m3", CABLE, ADMIN)
    with office.store.write() as transaction:
        transaction.operations.begin(kind, machine, "test")
    for order in (
        lambda: office.orders.set_cable("m3", replace(CABLE, port=OTHER_PORT), ADMIN),
        lambda: office.orders.remove_cable("m3", "0", ADMIN),
    ):
        with pytest.raises(Conflict, match=f"may be moving with its {kind}"):
            order()
    with pytest.raises(Invalid, match="may be moving"):
        office.orders.set_cables([MachineCable("m3", replace(CABLE, port=OTHER_PORT))], ADMIN)
    assert office.orders.set_cables([MachineCable("m3", CABLE), MachineCable("m1", third)], ADMIN) == Entered(1, 1)
    assert office.place("m3") == f"leaf-1 {PORT}"


def test_a_machine_that_is_being_inspected_may_be_cabled(office: Office) -> None:
    """Its ports stay as they are; when it is switched on they may move."""
    office.orders.inspect("m1", ADMIN)
    office.orders.set_cable("m1", CABLE, ADMIN)
    assert office.place("m1") == f"leaf-1 {PORT}"
    office.orders.power("m2", PowerAction.ON, ADMIN)
    with pytest.raises(Conflict, match="may be moving with its on"):
        office.orders.set_cable("m2", replace(CABLE, port=OTHER_PORT), ADMIN)


def test_a_cable_is_removed_with_what_was_heard(office: Office) -> None:
    """A second time there is nothing to remove."""
    office.orders.set_cable("m1", CABLE, ADMIN)
    with office.store.write() as transaction:
        transaction.cabling.hear([Neighbour("52:54:00:00:01:00", "leaf-1", "", "Gi1/0/7")])
    office.orders.remove_cable("m1", "52:54:00:00:01:00", ADMIN)
    assert office.cabling("m1").facts == ()
    assert office.events()[-1] == ("cable removed", "NIC 52:54:00:00:01:00")
    with pytest.raises(NotFound, match="nothing is known"):
        office.orders.remove_cable("m1", "0", ADMIN)


def test_a_file_is_entered_as_a_whole(office: Office) -> None:
    """NICs may change places; what stands there just so keeps its time."""
    lines = [MachineCable("m1", CABLE), MachineCable("m2", replace(CABLE, port=OTHER_PORT))]
    assert office.orders.set_cables(lines, ADMIN) == Entered(2, 0)
    [fact] = office.cabling("m2").facts
    assert (fact.source, fact.by) == (Source.FILE, "admin")
    office.now += 60
    third = MachineCable("m1", NicPort("1", "leaf-1", "GigabitEthernet1/0/9"))
    assert office.orders.set_cables([*lines, third], ADMIN) == Entered(1, 2)
    assert office.cabling("m1").facts[0].at == 1000.0
    swapped = [MachineCable("m1", replace(CABLE, port=OTHER_PORT)), MachineCable("m2", CABLE), third]
    assert office.orders.set_cables(swapped, ADMIN) == Entered(2, 1)
    assert [office.place("m1"), office.place("m2")] == [f"leaf-1 {OTHER_PORT}", f"leaf-1 {PORT}"]


def test_a_file_that_is_given_again_does_not_silence_lldp(office: Office) -> None:
    """A person who has looked at the cable does, by entering it by hand."""
    line = MachineCable("m1", CABLE)
    office.orders.set_cables([line], ADMIN)
    office.now += 60
    with office.store.write() as transaction:
        transaction.cabling.hear([Neighbour("52:54:00:00:01:00", "leaf-1", "", "Gi1/0/8")])
    office.now += 60
    assert office.orders.set_cables([line], ADMIN) == Entered(0, 1)
    assert office.cabling("m1").conflicts == (f"LLDP says leaf-1 {OTHER_PORT}",)
    office.orders.set_cable("m1", CABLE, ADMIN)
    assert office.place("m1") == f"leaf-1 {PORT}"


def test_a_file_with_wrong_lines_is_refused_with_each_of_them(office: Office) -> None:
    """Nothing of it is entered."""
    office.orders.set_cable("m2", NicPort("1", "leaf-1", "GigabitEthernet1/0/20"), ADMIN)
    before = len(office.events())
    lines = [
        MachineCable("m1", CABLE),
        MachineCable("m9", CABLE),
        MachineCable("m2", replace(CABLE, port="Gi1/0/8")),
        MachineCable("m1", NicPort("1", "leaf-9", OTHER_PORT)),
    ]
    with pytest.raises(Invalid) as caught:
        office.orders.set_cables(lines, ADMIN)
    told = caught.value.why.split("; ")
    assert told[0].startswith("cable 2 (m9 0): there is no machine 'm9'")
    assert told[1].startswith(f"cable 3 (m2 0): 'Gi1/0/8' is no port of cisco-ios: write {OTHER_PORT}")
    assert told[2].startswith("cable 4 (m1 1): there is no switch 'leaf-9'")
    taken = [MachineCable("m1", CABLE), MachineCable("m1", NicPort("1", "leaf-1", "GigabitEthernet1/0/20"))]
    with pytest.raises(Invalid, match=r"cable 2 \(m1 1\): NIC 52:54:00:00:02:01 of m2 is entered"):
        office.orders.set_cables(taken, ADMIN)
    assert office.cabling("m1").facts == ()
    assert len(office.events()) == before


def test_a_file_says_each_thing_once(office: Office) -> None:
    """Even the same line twice is a slip, and one of two different ones would be lost."""
    with pytest.raises(Invalid, match=r"NIC 52:54:00:00:01:00 of m1 stands 2 times; port .*7 of leaf-1 stands 2 times"):
        office.orders.set_cables([MachineCable("m1", CABLE)] * 2, ADMIN)


def test_of_many_wrong_lines_the_first_are_named(office: Office) -> None:
    """A file for another site would fill the screen."""
    with pytest.raises(Invalid, match=r"cable 20 .*; and 30 more: nothing was entered"):
        office.orders.set_cables([MachineCable(f"x{number}", CABLE) for number in range(50)], ADMIN)


def test_a_machine_is_enrolled_with_its_cables_or_not_at_all(office: Office) -> None:
    """In one transaction."""
    new = NewMachine(
        "m3", BmcLogin("ipmi://10.0.0.9:623", "", ""), nics=(Nic("52:54:00:00:03:00", 0),), cables=(CABLE,)
    )
    with pytest.raises(NotFound, match="no switch 'leaf-9'"):
        office.orders.enrol(replace(new, cables=(replace(CABLE, switch="leaf-9"),)), ADMIN)
    with pytest.raises(NotFound, match="no machine 'm3'"):
        office.orders.power("m3", PowerAction.ON, ADMIN)
    office.orders.enrol(new, ADMIN)
    [fact] = office.cabling("m3").facts
    assert (fact.source, str(fact.place)) == (Source.FILE, f"leaf-1 {PORT}")
