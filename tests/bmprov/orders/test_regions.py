"""Orders about MAAS regions, on a real SQLite file."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bmprov.allocation import Need
from bmprov.errors import Conflict, Invalid, NotFound
from bmprov.lifecycle import State
from bmprov.model import BackEnd, Bmc, BootFrom, BootMode, Erase, Machine, Role
from bmprov.orders import Caller, NewRegion, Orders, RegionChange
from bmprov.power import BmcLogin, PowerAction
from bmprov.store import Store
from bmprov.store.reservations import Claimant, reserve
from bmprov.vault import Vault
from tests import databases

ADMIN = Caller("admin", Role.ADMIN, "", "127.0.0.1")
KEY = "consumer:token:geheim"
NEW = NewRegion(
    "https://maas.example:5443/MAAS/api/2.0/", KEY, "lab", site="basel", zone="z1", cloud="c1", erase=Erase.QUICK
)


class Office:
    """Orders, and what they have left in the store."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(databases.sqlite(folder / "bmprov.db"), lambda: 1000.0)
        self.vault = Vault([Fernet.generate_key()])
        self.orders = Orders(self.store, self.vault, reservation_s=1800, freshness_s=90)

    def key_of(self, name: str) -> str:
        with self.store.read() as transaction:
            region = transaction.regions.named(name)
        assert region is not None
        return self.vault.open(region.sealed_key).decode()

    def events(self) -> list[tuple[str, str]]:
        """What was done and its detail, oldest first."""
        with self.store.read() as transaction:
            return [(one.what, one.detail) for one in reversed(transaction.events.newest())]

    def names(self) -> list[str]:
        with self.store.read() as transaction:
            return [one.name for one in transaction.regions.all()]

    def add_machine(self, name: str, region: str, instance: str | None = None) -> None:
        bmc = Bmc(f"maas://{region}/{name}", "", b"")
        machine = Machine(name, name, bmc, (), tags=(name,), back_end=BackEnd.MAAS, state=State.AVAILABLE)
        with self.store.write() as transaction:
            transaction.machines.add(machine)
            if instance:
                claimant = Claimant(instance, "i", "c1", "h", (), b"", None)
                reserve(transaction, claimant, Need(tags=(name,)), 1800)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    built = Office(tmp_path)
    yield built
    built.store.close()


def test_a_region_is_added_with_its_key_sealed(office: Office) -> None:
    """One spelling of its URL, an event without the key."""
    region = office.orders.add_region(NEW, ADMIN)
    assert (region.name, region.url) == ("lab", "https://maas.example:5443/MAAS")
    assert (region.site, region.zone, region.cloud, region.erase) == ("basel", "z1", "c1", Erase.QUICK)
    assert (region.create_networks, region.read_at, region.created_at) == (False, None, 1000.0)
    assert b"geheim" not in region.sealed_key
    assert office.key_of("lab") == KEY
    assert office.events() == [("MAAS region added", "lab at https://maas.example:5443/MAAS")]
    assert KEY not in repr((region, NEW, RegionChange(key=KEY)))


def test_a_region_without_a_name_gets_its_hosts(office: Office) -> None:
    """A second one on that host gets its port too; for a third somebody must think of a name."""
    first = replace(NEW, name="")
    assert office.orders.add_region(first, ADMIN).name == "maas.example"
    second = replace(first, url="https://maas.example:5444")
    assert office.orders.add_region(second, ADMIN).name == "maas.example-5444"
    with pytest.raises(Conflict, match=r"'maas\.example-5444'"):
        office.orders.add_region(replace(first, url="https://maas.example:5444/b/MAAS"), ADMIN)


def test_the_same_region_is_not_added_twice(office: Office) -> None:
    """Not by its name and not by another spelling of its URL, and the refusal leaves nothing."""
    office.orders.add_region(NEW, ADMIN)
    for same in (replace(NEW, url="http://other.example"), replace(NEW, name="b", url="https://MAAS.example:5443")):
        with pytest.raises(Conflict, match="already"):
            office.orders.add_region(same, ADMIN)
    assert office.names() == ["lab"]
    assert len(office.events()) == 1


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"url": "http://u:geheim@maas.example/MAAS"}, "no user and no password"),
        ({"key": "geheim"}, "API key"),
        ({"url": "http://maas.example:5240/MAAS", "trust": "/etc/ca.pem"}, "without TLS"),
    ],
)
def test_a_wrong_region_is_refused(office: Office, wrong: dict[str, str], why: str) -> None:
    """The sentence holds no secret, and nothing is entered."""
    with pytest.raises(Invalid, match=why) as caught:
        office.orders.add_region(replace(NEW, **wrong), ADMIN)  # type: ignore[arg-type] # texts, all of them
    assert "geheim" not in str(caught.value)
    assert office.names() == []


def test_what_is_not_told_stays(office: Office) -> None:
    """The event says what was changed, and of the key that it was."""
    before = office.orders.add_region(NEW, ADMIN)
    change = RegionChange(key="a:b:neu", zone="", erase=Erase.SECURE, create_networks=True)
    after = office.orders.change_region("lab", change, ADMIN)
    expected = replace(before, zone="", erase=Erase.SECURE, create_networks=True, sealed_key=after.sealed_key)
    assert after == expected
    assert office.key_of("lab") == "a:b:neu"
    [_, (what, detail)] = office.events()
    assert what == "MAAS region changed"
    assert detail == "lab: key, zone, erase secure, create_networks True"


def test_a_change_of_nothing_leaves_no_trace(office: Office) -> None:
    """Nothing was done, so nothing is told."""
    before = office.orders.add_region(NEW, ADMIN)
    assert office.orders.change_region("lab", RegionChange(), ADMIN) == before
    assert len(office.events()) == 1


def test_a_wrong_change_changes_nothing(office: Office) -> None:
    """Another region's URL, a URL without TLS where a certificate is trusted, a key that is none."""
    before = office.orders.add_region(replace(NEW, trust="/etc/ca.pem"), ADMIN)
    office.orders.add_region(replace(NEW, name="other", url="https://other.example"), ADMIN)
    with pytest.raises(Conflict, match="another MAAS region"):
        office.orders.change_region("lab", RegionChange(url="https://OTHER.example/MAAS/", zone="z2"), ADMIN)
    with pytest.raises(Invalid, match="without TLS"):
        office.orders.change_region("lab", RegionChange(url="http://maas.example", zone="z2"), ADMIN)
    with pytest.raises(Invalid, match="API key"):
        office.orders.change_region("lab", RegionChange(key="geheim", zone="z2"), ADMIN)
    with pytest.raises(NotFound, match="'bal'"):
        office.orders.change_region("bal", RegionChange(zone="z2"), ADMIN)
    assert office.orders.change_region(before.id, RegionChange(), ADMIN) == before


def test_a_region_is_removed_with_its_machines(office: Office) -> None:
    """Unless an instance has one of them; a machine that is switched is waited for."""
    office.orders.add_region(NEW, ADMIN)
    office.add_machine("a", "lab")
    office.add_machine("b", "lab", instance="i-1")
    with pytest.raises(Conflict, match="'b' of MAAS region 'lab'"):
        office.orders.remove_region("lab", ADMIN)
    office.orders.add_region(replace(NEW, name="other", url="https://other.example"), ADMIN)
    office.add_machine("c", "other")
    operation = office.orders.power("c", PowerAction.ON, ADMIN)
    with pytest.raises(Conflict, match="under way"):
        office.orders.remove_region("other", ADMIN)
    office.orders.cancel(operation.id, ADMIN)
    office.orders.remove_region("other", ADMIN)
    assert office.names() == ["lab"]
    assert office.events()[-1] == ("MAAS region removed", "other at https://other.example/MAAS, machines: 1")
    with office.store.read() as transaction:
        assert [one.name for one in transaction.machines.all()] == ["a", "b"]
    with pytest.raises(NotFound, match="'other'"):
        office.orders.remove_region("other", ADMIN)


def test_how_a_machine_of_maas_boots_is_not_ours_to_say(office: Office) -> None:
    """MAAS has its BMC and its boot order; the orders that would change ours are refused."""
    office.orders.add_region(NEW, ADMIN)
    office.add_machine("a", "lab")
    with pytest.raises(Invalid, match="in MAAS"):
        office.orders.set_bmcs("a", BmcLogin("ipmi://10.0.0.1", "u", "p"), None, ADMIN)
    with pytest.raises(Invalid, match="in MAAS"):
        office.orders.set_firmware("a", BootMode.BIOS, BootFrom.NETWORK, ADMIN, secure_boot=False)
