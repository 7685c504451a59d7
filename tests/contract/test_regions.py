"""MAAS regions in both databases."""

from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bmprov.allocation import Need
from bmprov.errors import Conflict
from bmprov.lifecycle import Kind, State
from bmprov.model import BackEnd, Bmc, Erase, Instance, Machine, Nic, OperationState, Region
from bmprov.power import PowerAction
from bmprov.store import Store, migrations, schema
from bmprov.store.reservations import Claimant, reserve
from tests.contract.conftest import Clock

LAB = Region(
    id="r-1",
    name="lab",
    url="https://maas.example:5443/MAAS",
    sealed_key=b"sealed",
    trust="sha256:" + 64 * "0",
    site="basel",
    zone="z1",
    cloud="c1",
    erase=Erase.QUICK,
    create_networks=True,
)


def region(number: int, **changes: str) -> Region:
    plain = Region(f"r-{number}", f"lab{number}", f"http://maas{number}.example:5240/MAAS", b"sealed")
    return replace(plain, **changes)  # type: ignore[arg-type] # texts, all of them


def machine(name: str, address: str) -> Machine:
    return Machine(name, name, Bmc(address, "", b""), (), back_end=BackEnd.MAAS, state=State.AVAILABLE)


def enter(store: Store, *entries: Region | Machine) -> None:
    with store.write() as transaction:
        for one in entries:
            transaction.regions.add(one) if isinstance(one, Region) else transaction.machines.add(one)


def load(store: Store, region_id: str = "r-1") -> Region:
    with store.read() as transaction:
        found = transaction.regions.get(region_id)
    assert found is not None
    return found


def test_a_region_comes_back_as_it_was_entered(store: Store, clock: Clock) -> None:
    """By its id, its name and its URL."""
    enter(store, LAB, region(2))
    entered = replace(LAB, created_at=clock.now)
    with store.read() as transaction:
        regions = transaction.regions
        found = [regions.get("r-1"), regions.named("r-1"), regions.named("lab"), regions.with_url(LAB.url)]
        assert found == [entered] * 4
        assert [regions.get("r-9"), regions.named("bal"), regions.with_url("http://maas.example/MAAS")] == [None] * 3


def test_regions_are_listed_by_name_and_by_site(store: Store) -> None:
    """Each site's workers speak to the regions of their site."""
    enter(store, region(2), LAB, region(1, id="r-3"))
    with store.read() as transaction:
        assert [one.name for one in transaction.regions.all()] == ["lab", "lab1", "lab2"]
        assert [one.name for one in transaction.regions.all("basel")] == ["lab"]


@pytest.mark.parametrize("same", ["name", "url"])
def test_name_and_url_are_unique(store: Store, same: str) -> None:
    """One MAAS is entered once, or two of us would list its machines."""
    enter(store, LAB)
    with pytest.raises(Conflict, match="already"):
        enter(store, replace(region(2), **{same: getattr(LAB, same)}))  # type: ignore[arg-type] # texts, both
    with store.read() as transaction:
        assert [one.id for one in transaction.regions.all()] == ["r-1"]


def test_a_region_is_changed(store: Store, clock: Clock) -> None:
    """What is not named stays; a URL that another region has is refused."""
    enter(store, LAB, region(2))
    with store.write() as transaction:
        transaction.regions.change("r-1", sealed_key=b"new", erase=Erase.SECURE, zone="")
    changed = replace(LAB, sealed_key=b"new", erase=Erase.SECURE, zone="", created_at=clock.now)
    assert load(store) == changed
    with pytest.raises(Conflict, match="another MAAS region"), store.write() as transaction:
        transaction.regions.change("r-2", url=LAB.url)
    assert load(store, "r-2").url == region(2).url


def test_what_was_heard_of_a_region_is_kept(store: Store, clock: Clock) -> None:
    """A failed attempt leaves the time of the last good one, whose age then tells; a good one clears the error."""
    enter(store, LAB)
    clock.now += 60
    heard_at = clock.now
    with store.write() as transaction:
        transaction.regions.heard("r-1", version="3.7.3")
    clock.now += 60
    with store.write() as transaction:
        transaction.regions.heard("r-1", "no answer")
    known = load(store)
    assert (known.read_at, known.error, known.version) == (heard_at, "no answer", "3.7.3")
    with store.write() as transaction:
        transaction.regions.heard("r-1")
    known = load(store)
    assert (known.read_at, known.error, known.version) == (clock.now, "", "3.7.3")


def test_a_region_goes_with_its_machines_and_no_others(store: Store) -> None:
    """Names that only a pattern, or a letter's case, would take for this one's are others'."""
    enter(store, region(1, name="l_b"), region(2, name="lab"), region(3, name="L_B"))
    enter(store, machine("a", "maas://l_b/a"), machine("b", "maas://lab/a"), machine("c", "maas://L_B/a"))
    enter(store, machine("d", "maas://l_b/d"), machine("e", "maas://l_b2/e"))
    with store.write() as transaction:
        assert transaction.regions.machine_counts() == {"l_b": 2, "lab": 1, "L_B": 1, "l_b2": 1}
        assert transaction.regions.remove(region(1, name="l_b")) == 2
    with store.read() as transaction:
        assert [one.name for one in transaction.regions.all()] == ["L_B", "lab"]
        assert [one.name for one in transaction.machines.all()] == ["b", "c", "e"]


def test_a_region_stays_while_an_instance_has_a_machine_of_it(store: Store) -> None:
    """What a tenant has cannot be forgotten by an operator's slip."""
    enter(store, LAB, machine("a", "maas://lab/a"), replace(machine("b", "maas://lab/b"), tags=("ssd",)))
    with store.write() as transaction:
        reserve(transaction, Claimant("i-1", "i", "c1", "h", (), b"", None), Need(tags=("ssd",)), 1800)
    with pytest.raises(Conflict, match="machine 'b' of MAAS region 'lab'"), store.write() as transaction:
        transaction.regions.remove(LAB)
    with store.read() as transaction:
        assert [one.name for one in transaction.machines.all()] == ["a", "b"]
        assert transaction.regions.get("r-1") is not None


def test_a_machine_that_is_reserved_meanwhile_stays(store: Store) -> None:
    """Between the look and the deletion PostgreSQL lets others in: the instance's row is what holds the machine."""
    enter(store, LAB, machine("a", "maas://lab/a"))
    with store.write() as transaction:
        transaction.instances.add(Instance("i-1", "i", "c1", "h", "a", b""))
    with pytest.raises(Conflict, match="a machine of MAAS region 'lab'"), store.write() as transaction:
        transaction.regions.remove(LAB)
    with store.read() as transaction:
        assert transaction.machines.get("a") is not None


def test_a_region_stays_while_something_is_under_way(store: Store) -> None:
    """When the operation has ended, the region and the machine may go, the operation with them."""
    enter(store, LAB, machine("a", "maas://lab/a"))
    with store.write() as transaction:
        on = transaction.machines.get("a")
        assert on is not None
        begun = transaction.operations.begin(Kind.POWER, on, "tester", action=PowerAction.ON)
    with pytest.raises(Conflict, match="'a' of MAAS region 'lab'"), store.write() as transaction:
        transaction.regions.remove(LAB)
    with store.write() as transaction:
        on = transaction.machines.get("a")
        assert on is not None
        transaction.operations.finish(begun, on, OperationState.SUCCEEDED)
        transaction.regions.remove(LAB)
    with store.read() as transaction:
        assert transaction.operations.all() == transaction.regions.all() == transaction.machines.all() == []


def test_a_nic_keeps_its_home_vlan(store: Store) -> None:
    """MAAS numbers VLANs from 1; a machine that is not of MAAS has none."""
    nics = (Nic("52:54:00:00:00:01", 0, home_vlan=5001), Nic("52:54:00:00:00:02", 1))
    enter(store, replace(machine("a", "maas://lab/a"), nics=nics))
    with store.read() as transaction:
        found = transaction.machines.get("a")
    assert found is not None
    assert found.nics == nics


def test_nics_that_are_there_stay_when_regions_come(
    request: pytest.FixtureRequest, tmp_path: Path, store: Store
) -> None:
    """A database of before: its NICs have no home VLAN, there is no region, and the tables are those of the schema."""
    sqlite = store.engine.dialect.name == "sqlite"
    old = Store(f"sqlite:///{tmp_path}/old.db" if sqlite else request.getfixturevalue("postgres_url")())
    with old.engine.connect().execution_options(bmprov_write=True) as connection, connection.begin():
        command.upgrade(migrations.config(connection), "0009")
        connection.exec_driver_sql(
            "INSERT INTO machines (id, name, bmc_address, bmc_sealed_password, bmc_cipher_suites, arch, boot_mode,"
            " cpus, memory_mib, disk_gib, tags, site, back_end, state, power, created_at) VALUES ('m-1', 'rack1-01',"
            " 'ipmi://b', '', '[]', 'x86_64', 'uefi', 1, 1, 1, '[]', 'default', 'direct', 'available', 'unknown', 1.0)"
        )
        connection.exec_driver_sql(
            "INSERT INTO nics (mac, machine_id, position, netboot) VALUES ('52:54:00:00:00:01', 'm-1', 0, TRUE)"
        )
    old.migrate()
    with old.read() as transaction:
        found = transaction.machines.get("m-1")
        assert found is not None
        assert found.nics == (Nic("52:54:00:00:00:01", 0, netboot=True),)
        assert transaction.regions.all() == []
        assert compare_metadata(MigrationContext.configure(transaction.connection), schema.metadata) == []
    old.close()
