"""Two people at one machine: the second is told what the first has done, and nothing is done."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bmprov.errors import Conflict, Invalid
from bmprov.lifecycle import Event, State
from bmprov.model import Bmc, Machine, Role
from bmprov.orders import NOTES_CHARS, Caller, Orders, Outdated, Picture, picture_of
from bmprov.power import PowerAction
from bmprov.store import Store
from bmprov.vault import Vault
from tests import databases
from tests.bmprov.orders.conftest import Office

ANN, BEN = Caller("ann", Role.OPERATOR, origin="10.0.0.1"), Caller("ben", Role.OPERATOR, origin="10.0.0.2")


def saw(store: Store, name: str) -> Picture:
    with store.read() as transaction:
        machine = transaction.machines.named(name)
        assert machine is not None
        return picture_of(transaction, machine)


def test_the_second_is_told_who_did_what_and_when(office: Office) -> None:
    office.enrol("rack1-07", state=State.ACTIVE)
    seen = saw(office.store, "rack1-07")
    first = office.orders.power("rack1-07", PowerAction.OFF, replace(ANN, saw=seen))
    office.now += 8
    with pytest.raises(Outdated, match=r"rack1-07' has changed since you looked \(ann: power off, 8.0 s ago\)"):
        office.orders.power("rack1-07", PowerAction.CYCLE, replace(BEN, saw=seen))
    with office.store.read() as transaction:
        assert [one.id for one in transaction.operations.all()] == [first.id]


def test_whoever_looks_again_may_go_on(office: Office) -> None:
    office.enrol("rack1-07")
    seen = saw(office.store, "rack1-07")
    office.orders.maintenance("rack1-07", "a fan", replace(ANN, saw=seen))
    with pytest.raises(Outdated, match="ann: maintenance"):
        office.orders.maintenance("rack1-07", "a disk", replace(BEN, saw=seen))
    ended = office.orders.maintenance("rack1-07", "", replace(BEN, saw=saw(office.store, "rack1-07")))
    assert ended.maintenance == ""


def test_another_state_is_another_picture(office: Office) -> None:
    """A reservation that runs out is nobody's order, and is told all the same."""
    machine = office.enrol("rack1-07", state=State.RESERVED)
    seen = saw(office.store, "rack1-07")
    with office.store.write() as transaction:
        transaction.machines.apply(machine, Event.EXPIRE)
    with pytest.raises(Outdated, match="it was reserved and is available"):
        office.orders.release("rack1-07", replace(ANN, saw=seen))


@pytest.mark.parametrize("give", ["check", "inspect", "release", "remove"])
def test_every_order_asks_for_the_picture(office: Office, give: str) -> None:
    office.enrol("rack1-07", state=State.ERROR)
    seen = saw(office.store, "rack1-07")
    office.orders.note("rack1-07", "a new fan", ANN)
    with pytest.raises(Outdated, match="ann: notes"):
        getattr(office.orders, give)("rack1-07", replace(BEN, saw=seen))


def test_who_saw_nothing_orders_whatever_it_is(office: Office) -> None:
    """The command line and the API say no picture."""
    office.enrol("rack1-07")
    office.orders.maintenance("rack1-07", "a fan", ANN)
    assert office.orders.maintenance("rack1-07", "a disk", BEN).maintenance == "a disk"


@pytest.mark.parametrize("text", ["", "active", "active.x.i", "broken.1.i"])
def test_a_picture_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="does not say what you saw"):
        Picture.parse(text)


def test_a_picture_is_written_and_read_back() -> None:
    picture = Picture(State.ACTIVE, "33333333-3333-4333-8333-000000000001", 12)
    assert Picture.parse(str(picture)) == picture


def test_notes_are_kept_and_bounded(office: Office) -> None:
    office.enrol("rack1-07")
    told = office.orders.note("rack1-07", " the left PSU\r\nwas changed \n", ANN)
    assert told.notes == "the left PSU\nwas changed"
    assert office.events()[-1] == ("notes", "the left PSU")
    with pytest.raises(Invalid, match="4,001 characters"):
        office.orders.note("rack1-07", "x" * (NOTES_CHARS + 1), ANN)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_of_many_at_once_one_goes_on(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Ten people press the same button on the same picture."""
    is_postgresql = database == "postgresql"
    url = request.getfixturevalue("postgres_tables")() if is_postgresql else databases.sqlite(tmp_path / "bmprov.db")
    store = Store(url, pool_size=10)
    orders = Orders(store, Vault([Fernet.generate_key()]), reservation_s=1800, freshness_s=90)
    with store.write() as transaction:
        transaction.machines.add(Machine("m", "rack1-07", Bmc("ipmi://m", "", b""), (), state=State.AVAILABLE))
    seen, outcomes, door = saw(store, "m"), list[str](), threading.Barrier(10)

    def press(who: str) -> None:
        door.wait()
        try:
            orders.maintenance("m", f"{who} works on it", Caller(who, Role.OPERATOR, saw=seen))
            outcomes.append("done")
        except Conflict as error:
            outcomes.append(type(error).__name__)

    people = [threading.Thread(target=press, args=(f"p{number}",)) for number in range(10)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    store.close()
    assert sorted(outcomes) == ["Outdated"] * 9 + ["done"]
