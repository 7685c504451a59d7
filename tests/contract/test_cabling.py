"""Switches and cables in both databases."""

from dataclasses import replace

import pytest

from bmprov.cabling import Cable, ManagedSwitch, Neighbour, NicCabling, RelaySighting, Source
from bmprov.errors import Conflict
from bmprov.model import Bmc, Machine, Nic
from bmprov.store import Store
from bmprov.vlans import VlanRanges
from tests.contract.conftest import Clock

LEAF = ManagedSwitch(
    id="s-1",
    name="leaf-1",
    address="cisco-ios://10.1.0.2",
    user="admin",
    sealed_password=b"sealed",
    sealed_enable=b"sealed too",
    provisioning_vlan=10,
    quarantine_vlan=4000,
    vlans=VlanRanges.parse("100-199,1577"),
    uplinks=("GigabitEthernet1/0/48",),
    known_as=("00:1c:73:00:00:01",),
    host_key="SHA256:abc",
    create_vlans=False,
    save=True,
    site="basel",
)
OTHER = replace(LEAF, id="s-2", name="leaf-2", address="cisco-ios://10.1.0.3", known_as=(), site="default")
PORT = "GigabitEthernet1/0/7"


def mac(number: int, place: int = 0) -> str:
    return f"52:54:00:00:{number:02x}:{place:02x}"


def machine(number: int) -> Machine:
    nics = (Nic(mac(number), 0, netboot=True), Nic(mac(number, 1), 1))
    return Machine(f"m-{number}", f"rack1-{number:02d}", Bmc(f"ipmi://10.0.0.{number}:623", "admin", b""), nics)


def enter(store: Store, *entries: Machine | ManagedSwitch | Cable | Neighbour) -> None:
    with store.write() as transaction:
        for one in entries:
            match one:
                case Machine():
                    transaction.machines.add(one)
                case ManagedSwitch():
                    transaction.switches.add(one)
                case Cable():
                    transaction.cabling.enter(one)
                case Neighbour():
                    transaction.cabling.hear([one])


def load(store: Store, name: str = "leaf-1") -> ManagedSwitch:
    with store.read() as transaction:
        found = transaction.switches.named(name)
    assert found is not None
    return found


def known(store: Store, number: int = 1, place: int = 0) -> NicCabling:
    with store.read() as transaction:
        nics = machine(number).nics
        return transaction.cabling.of(nics, transaction.switches.all())[nics[place].mac]


def test_a_switch_comes_back_as_it_was_entered(store: Store, clock: Clock) -> None:
    """By its name and by its id."""
    enter(store, LEAF, OTHER)
    entered = replace(LEAF, created_at=clock.now)
    with store.read() as transaction:
        assert [transaction.switches.named(name) for name in ("leaf-1", "s-1")] == [entered] * 2
        assert transaction.switches.named("leaf-9") is None
        assert [one.name for one in transaction.switches.all()] == ["leaf-1", "leaf-2"]
        assert [one.name for one in transaction.switches.all("default")] == ["leaf-2"]


@pytest.mark.parametrize("same", ["name", "address"])
def test_name_and_address_of_a_switch_are_unique(store: Store, same: str) -> None:
    """One switch is entered once, or two locks would be held on it; a change cannot get around it."""
    enter(store, LEAF)
    with pytest.raises(Conflict, match="already"):
        enter(store, replace(OTHER, **{same: getattr(LEAF, same)}))  # type: ignore[arg-type] # texts, both
    enter(store, OTHER)
    with pytest.raises(Conflict, match="another switch"), store.write() as transaction:
        transaction.switches.change("s-2", **{same: getattr(LEAF, same)})
    assert load(store, "leaf-2").address == OTHER.address


def test_a_switch_is_changed(store: Store) -> None:
    """What is not told stays; lists and ranges too come back as they are told."""
    enter(store, LEAF)
    change = {"vlans": VlanRanges.parse("7"), "uplinks": (), "known_as": ("a", "b"), "save": False}
    with store.write() as transaction:
        transaction.switches.change("s-1", **change)
    assert load(store) == replace(LEAF, created_at=load(store).created_at, **change)  # type: ignore[arg-type] # as above


def test_whether_a_switch_answers(store: Store, clock: Clock) -> None:
    """The time when it answered last stays while it does not."""
    enter(store, LEAF)
    with store.write() as transaction:
        transaction.switches.heard("s-1")
    heard_at, clock.now = clock.now, clock.now + 60
    with store.write() as transaction:
        transaction.switches.heard("s-1", "switch leaf-1 did not answer")
    assert (load(store).heard_at, load(store).error) == (heard_at, "switch leaf-1 did not answer")
    with store.write() as transaction:
        transaction.switches.heard("s-1")
    assert (load(store).heard_at, load(store).error) == (clock.now, "")


def test_a_switch_that_machines_are_cabled_to_stays(store: Store) -> None:
    """Their ports would be forgotten as they are."""
    enter(store, LEAF, machine(1), Cable(mac(1), "s-1", PORT))
    with pytest.raises(Conflict, match="are cabled to switch 'leaf-1'"), store.write() as transaction:
        transaction.switches.remove(LEAF)
    with store.write() as transaction:
        assert transaction.cabling.forget(mac(1))
        assert not transaction.cabling.forget(mac(1))
        transaction.switches.remove(LEAF)
        assert transaction.switches.all() == []


def test_a_cable_is_entered_with_its_time_and_again_instead(store: Store, clock: Clock) -> None:
    """The new one takes the place of the old one."""
    enter(store, LEAF, machine(1), Cable(mac(1), "s-1", PORT, "Port-channel7", Source.FILE, "anna"))
    [fact] = known(store).facts
    assert (fact.source, fact.by, fact.at) == (Source.FILE, "anna", clock.now)
    assert str(known(store).place) == f"leaf-1 {PORT} in Port-channel7"
    with store.read() as transaction:
        assert transaction.cabling.ports_of(LEAF) == {PORT, "Port-channel7"}
    clock.now += 1
    enter(store, Cable(mac(1), "s-1", "GigabitEthernet1/0/8", by="bert"))
    [fact] = known(store).facts
    assert (fact.source, fact.by, fact.at) == (Source.HAND, "bert", clock.now)
    assert str(known(store).place) == "leaf-1 GigabitEthernet1/0/8"
    with store.read() as transaction:
        assert transaction.cabling.ports_of(LEAF) == {"GigabitEthernet1/0/8"}
        assert transaction.cabling.ports_of(OTHER) == frozenset()


def test_a_port_has_one_cable(store: Store) -> None:
    """The refusal names who has it, and leaves the transaction usable."""
    enter(store, LEAF, machine(1), machine(2), Cable(mac(1), "s-1", PORT))
    with store.write() as transaction:
        with pytest.raises(Conflict, match="NIC 52:54:00:00:01:00 of rack1-01 is entered for port"):
            transaction.cabling.enter(Cable(mac(2), "s-1", PORT))
        transaction.cabling.enter(Cable(mac(2), "s-1", "GigabitEthernet1/0/8"))
    assert str(known(store, 2).place) == "leaf-1 GigabitEthernet1/0/8"
    assert str(known(store).place) == f"leaf-1 {PORT}"


def test_what_lldp_says_takes_the_place_of_what_it_said(store: Store, clock: Clock) -> None:
    """With the time at which it was heard."""
    enter(store, LEAF, machine(1), Neighbour(mac(1), "leaf-1", "", "Gi1/0/7"))
    clock.now += 60
    enter(store, Neighbour(mac(1), "leaf-1", "", "Gi1/0/9", "rack 1"))
    [fact] = known(store).facts
    assert (fact.source, fact.words, fact.at) == (Source.LLDP, "leaf-1 Gi1/0/9", clock.now)
    assert known(store, place=1) == NicCabling(mac(1, 1))


def test_what_a_relay_says_is_seen_too(store: Store) -> None:
    """It is one of three."""
    enter(store, LEAF, machine(1))
    with store.write() as transaction:
        transaction.sightings.keep(RelaySighting(mac(1), "10.1.0.1", "Gi1/0/7", "leaf-1"))
    assert str(known(store).place) == f"leaf-1 {PORT}"
    with store.write() as transaction:
        assert transaction.cabling.forget(mac(1))
    assert known(store) == NicCabling(mac(1))


@pytest.mark.parametrize("system", ["leaf-1", "LEAF-1", "leaf-1.example.org", ""])
def test_two_machines_that_lldp_says_are_on_one_port(store: Store, system: str) -> None:
    """However the switch is called and its port is spelt, nothing holds for either until a person decides."""
    enter(store, LEAF, machine(1), machine(2))
    enter(store, Neighbour(mac(1), system, "00:1C:73:00:00:01", PORT), Neighbour(mac(2), "leaf-1", "", "Gi1/0/7"))
    for number, other in ((1, 2), (2, 1)):
        assert known(store, number).place is None
        told = f"NIC {mac(other)} of rack1-0{other} is said to be on leaf-1 {PORT} too"
        assert known(store, number).conflicts == (told,)


def test_a_name_with_signs_of_sql_in_it(store: Store) -> None:
    """`%` and `_` in a switch's name mean themselves."""
    enter(store, replace(LEAF, name="leaf_1", known_as=("%",)), machine(1), machine(2))
    enter(store, Neighbour(mac(1), "leaf_1.org", "", "Gi1/0/7"), Neighbour(mac(2), "leafx1.org", "", "Gi1/0/7"))
    assert known(store).conflicts == ()
    assert known(store).place is not None


def test_a_person_decides_between_two_that_lldp_says_are_on_one_port(store: Store, clock: Clock) -> None:
    """The one that is entered last is there; of the other somebody must say where it is, or LLDP anew."""
    enter(store, LEAF, machine(1), machine(2))
    enter(store, Neighbour(mac(1), "leaf-1", "", "Gi1/0/7"), Neighbour(mac(2), "leaf-1", "", "Gi1/0/7"))
    clock.now += 60
    enter(store, Cable(mac(2), "s-1", PORT))
    assert str(known(store, 2).place) == f"leaf-1 {PORT}"
    assert known(store, 1).conflicts == (f"NIC {mac(2)} of rack1-02 is said to be on leaf-1 {PORT} too",)
    enter(store, Neighbour(mac(1), "leaf-1", "", "Gi1/0/8"))
    assert str(known(store, 1).place) == "leaf-1 GigabitEthernet1/0/8"


def test_a_machine_that_lldp_finds_on_anothers_port(store: Store, clock: Clock) -> None:
    """What is newer than what was entered puts it in doubt, until the newcomer is entered for where it is."""
    enter(store, LEAF, machine(1), machine(2), Cable(mac(1), "s-1", PORT))
    clock.now += 60
    enter(store, Neighbour(mac(2), "leaf-1", "", "Gi1/0/7"))
    assert known(store, 1).conflicts == (f"NIC {mac(2)} of rack1-02 is said to be on leaf-1 {PORT} too",)
    clock.now += 60
    enter(store, Cable(mac(2), "s-1", "GigabitEthernet1/0/8"))
    assert str(known(store, 1).place) == f"leaf-1 {PORT}"


def test_a_machine_that_is_removed_leaves_its_ports(store: Store) -> None:
    """What was heard of it does not speak against the machine that takes its place."""
    enter(store, LEAF, machine(1), machine(2), Cable(mac(1), "s-1", PORT))
    enter(store, Neighbour(mac(1), "leaf-1", "", "Gi1/0/7"), Neighbour(mac(2), "leaf-1", "", "Gi1/0/7"))
    with store.write() as transaction:
        transaction.sightings.keep(RelaySighting(mac(1), "", "Gi1/0/7", "leaf-1"))
        transaction.machines.remove(machine(1))
    assert (str(known(store, 2).place), known(store, 2).conflicts) == (f"leaf-1 {PORT}", ())
    enter(store, machine(1))
    assert known(store, 1) == NicCabling(mac(1))


def test_a_nic_that_is_taken_out_leaves_its_port(store: Store) -> None:
    """Of one that stays, what was heard stays too."""
    enter(store, LEAF, machine(1), machine(2))
    enter(store, Neighbour(mac(1), "leaf-1", "", "Gi1/0/7"), Neighbour(mac(1, 1), "leaf-1", "", "Gi1/0/8"))
    with store.write() as transaction:
        transaction.machines.set_nics(machine(1), [replace(machine(1).nics[1], position=0)])
    enter(store, Neighbour(mac(2), "leaf-1", "", "Gi1/0/7"))
    assert str(known(store, 2).place) == f"leaf-1 {PORT}"
    assert str(known(store, 1, 1).place) == "leaf-1 GigabitEthernet1/0/8"
    assert known(store, 1) == NicCabling(mac(1))
