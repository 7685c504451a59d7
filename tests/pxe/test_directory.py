"""Who is to boot and who has which address, on a real database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from bmprov.cabling import RelaySighting
from bmprov.model import NOTE, BootFrom, BootMode
from bmprov.settings import PxeSettings
from bmprov.store import Store
from bmprov.subnet import Subnet
from pxe.dhcp.policy import Idle, Wanted
from pxe.directory import StoreDirectory, StoreLeases
from pxe.seats import Seats
from tests.pxe.provisioning import Site

FIRST = IPv4Address("10.1.0.10")


def mac(number: int) -> str:
    return f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}"


def settings(addresses: int = 4, first: IPv4Address = FIRST) -> PxeSettings:
    return PxeSettings(address="10.1.0.1", range_first=first, range_last=first + addresses - 1, lease_s=600)


@pytest.fixture
def directory(site: Site) -> StoreDirectory:
    return StoreDirectory(Seats(site.store), site.vault, settings(), "default")


@pytest.fixture
def leases(site: Site) -> StoreLeases:
    return StoreLeases(Seats(site.store), settings(), "default")


def test_a_machine_is_wanted_while_its_network_boot_is_open(site: Site, directory: StoreDirectory) -> None:
    """By any of its NICs; its script's URL carries the operation's token, which no log can show."""
    operation = site.deploy()
    url = f"http://10.1.0.1:8080/boot/v1/{site.vault.operation_token(operation.id)}/script.ipxe"
    arguments = f"bmprov.api=http://10.1.0.1:8080/ramdisk/v1 bmprov.token={site.vault.operation_token(operation.id)}"
    wanted = Wanted("rack1-01", operation.id, url, arguments)
    assert [directory.lookup(f"52:54:00:00:01:0{nic}") for nic in range(2)] == [wanted, wanted]
    assert site.vault.operation_token(operation.id) not in repr(wanted)


def test_the_record_says_who_has_secure_boot(site: Site, directory: StoreDirectory) -> None:
    """DHCP does not tell; a change there goes for the next boot."""
    machine = site.enrol(2)
    site.deploy(1)
    for number, on in ((2, True), (1, True), (1, False)):
        with site.store.write() as transaction:
            transaction.machines.set_firmware(
                replace(machine, id=f"m{number}"), BootMode.UEFI, BootFrom.NETWORK, secure_boot=on
            )
        if number == 1:
            wanted = directory.lookup("52:54:00:00:01:00")
            assert isinstance(wanted, Wanted)
            assert wanted.secure_boot is on


def test_no_other_machine_is_wanted(site: Site, directory: StoreDirectory) -> None:
    """A stranger, an idle machine, one past its network boot, one whose operation has ended, one of another site."""
    site.enrol(2)
    site.enrol(3, site="elsewhere")
    operation = site.deploy(1)
    assert directory.lookup("52:54:00:00:09:00") == "no machine has this MAC"
    assert directory.lookup("52:54:00:00:02:00") == Idle("rack1-02")
    assert directory.lookup("52:54:00:00:03:00") == "machine rack1-03 belongs to site elsewhere"
    site.close_netboot(operation)
    assert directory.lookup("52:54:00:00:01:00") == Idle("rack1-01")
    site.cancel(operation)
    assert directory.lookup("52:54:00:00:01:00") == Idle("rack1-01")


def test_an_address_is_kept(site: Site, leases: StoreLeases) -> None:
    """The same MAC gets the same address, even after its lease has run out, for as long as nobody else took it."""
    given = [leases.offer(mac(number), "") for number in range(3)]
    assert given == [FIRST, FIRST + 1, FIRST + 2]
    site.clock.now += 10_000
    assert leases.offer(mac(2), "") == FIRST + 2
    assert leases.offer(mac(9), "") == FIRST
    assert leases.offer(mac(0), "") == FIRST + 1


def test_the_address_of_a_machine_that_is_written_stays_its_own(site: Site, leases: StoreLeases) -> None:
    """However long that takes: its ramdisk asks DHCP for nothing, and its token is good from there alone."""
    operation = site.deploy(1)
    assert leases.offer(mac(1), operation.id) == FIRST
    leases.confirm(mac(1), FIRST, operation.id)
    site.clock.now += 10_000
    assert leases.offer(mac(9), "") == FIRST + 1
    assert leases.offer(mac(1), operation.id) == FIRST
    site.clock.now += 10_000
    site.cancel(operation)
    assert leases.offer(mac(8), "") == FIRST


def test_a_full_range_gives_nothing(site: Site, leases: StoreLeases) -> None:
    """Until a lease runs out or is given back."""
    full = "no address is left in the range 10.1.0.10 to 10.1.0.13: make it larger"
    assert full not in [leases.offer(mac(number), "") for number in range(4)]
    assert leases.offer(mac(9), "") == full
    leases.release(mac(2))
    assert leases.offer(mac(9), "") == FIRST + 2
    assert leases.offer(mac(10), "") == full
    site.clock.now += 700
    assert leases.offer(mac(10), "") == FIRST


def test_an_address_that_another_host_uses_is_left_alone(site: Site, leases: StoreLeases) -> None:
    """For an hour; and a machine can decline its own address only."""
    assert leases.offer(mac(0), "") == FIRST
    leases.decline(mac(7), FIRST)
    assert leases.offer(mac(0), "") == FIRST
    leases.decline(mac(0), FIRST)
    assert leases.offer(mac(0), "") == FIRST + 1
    site.clock.now += 3601
    assert leases.offer(mac(1), "") == FIRST


def test_a_range_that_was_moved_is_followed(site: Site, leases: StoreLeases) -> None:
    """An address of the old range is no address any more, however long its lease still runs."""
    assert leases.offer(mac(0), "") == FIRST
    moved = StoreLeases(Seats(site.store), settings(first=IPv4Address("10.7.0.10")), "default")
    assert moved.offer(mac(0), "") == IPv4Address("10.7.0.10")


def test_each_network_has_a_range_of_its_own(site: Site) -> None:
    """A machine that was moved behind a relay gets an address there, and gives the one before back."""
    rack = Subnet(IPv4Network("10.8.0.0/24"), IPv4Address("10.8.0.10"), IPv4Address("10.8.0.11"), "10.8.0.1")
    both = StoreLeases(Seats(site.store), replace(settings(), networks=(rack,)), "default")
    assert both.offer(mac(0), "", rack.network) == IPv4Address("10.8.0.10")
    assert both.offer(mac(1), "", rack.network) == IPv4Address("10.8.0.11")
    assert (
        both.offer(mac(2), "", rack.network) == "no address is left in the range 10.8.0.10 to 10.8.0.11: make it larger"
    )
    assert both.offer(mac(0), "", rack.network) == IPv4Address("10.8.0.10")
    assert both.offer(mac(0), "", settings().network) == FIRST
    assert both.offer(mac(2), "", rack.network) == IPv4Address("10.8.0.10")


def test_the_token_is_bound_when_the_machine_takes_its_address(site: Site, leases: StoreLeases) -> None:
    """An offer alone binds nothing."""
    operation = site.deploy()
    address = leases.offer("52:54:00:00:01:00", operation.id)
    assert isinstance(address, IPv4Address)
    assert site.operation(operation).boot_ip is None
    leases.confirm("52:54:00:00:01:00", address, operation.id)
    assert site.operation(operation).boot_ip == str(FIRST)


def test_a_machine_is_on_one_network_while_an_operation_lasts(site: Site) -> None:
    """Who forges its MAC behind another relay gets no token, and does not take its address from it."""
    rack = Subnet(IPv4Network("10.8.0.0/24"), IPv4Address("10.8.0.10"), IPv4Address("10.8.0.11"), "10.8.0.1")
    both = StoreLeases(Seats(site.store), replace(settings(), networks=(rack,)), "default")
    operation = site.deploy()
    assert both.offer("52:54:00:00:01:00", operation.id, settings().network) == FIRST
    both.confirm("52:54:00:00:01:00", FIRST, operation.id)
    why = both.offer("52:54:00:00:01:00", operation.id, rack.network)
    assert why == f"it asks from 10.8.0.0/24, and has {FIRST} in this operation: forged, or cabled anew meanwhile"
    assert both.offer("52:54:00:00:01:00", operation.id, settings().network) == FIRST
    assert site.operation(operation).boot_ip == str(FIRST)
    site.cancel(operation)
    assert both.offer("52:54:00:00:01:00", "", rack.network) == IPv4Address("10.8.0.10")


def test_a_machine_that_asks_again_keeps_its_lease_for_as_long_as_it_is_told(site: Site, leases: StoreLeases) -> None:
    """A repeated request within a minute is not written; later ones are, and nobody else gets the address."""
    operation = site.deploy()
    assert leases.offer("52:54:00:00:01:00", operation.id) == FIRST
    for _ in range(10):
        leases.confirm("52:54:00:00:01:00", FIRST, operation.id)
        with site.store.read() as transaction:
            lease = transaction.leases.of(["52:54:00:00:01:00"])["52:54:00:00:01:00"]
        assert lease.expires_at > site.clock.now + 600 - 1
        site.clock.now += 40
    others = [leases.offer(mac(number), "") for number in range(9)]
    assert FIRST not in others


@pytest.fixture
def postgresql(request: pytest.FixtureRequest) -> Iterator[Store]:
    opened = Store(request.getfixturevalue("postgres_tables")())
    yield opened
    opened.close()


def test_two_servers_give_no_address_twice(postgresql: Store) -> None:
    """Sixty machines ask at once, through several connections, and get sixty addresses."""
    leases = StoreLeases(Seats(postgresql), settings(60), "default")
    with ThreadPoolExecutor(12) as pool:
        given = list(pool.map(lambda number: leases.offer(mac(number), ""), range(60)))
    assert sorted(given, key=str) == sorted((FIRST + number for number in range(60)), key=str)


def test_dhcp_waits_for_no_disk(request: pytest.FixtureRequest, postgresql: Store) -> None:
    """A store that need not be durable says so to PostgreSQL; the others wait."""
    quick = Store(request.getfixturevalue("postgres_url")(), durable=False)
    for store, waits in ((postgresql, "on"), (quick, "off")):
        with store.read() as transaction:
            assert transaction.connection.exec_driver_sql("SHOW synchronous_commit").scalar() == waits
    quick.close()


def test_the_timeline_tells_who_was_given_which_address_and_where(site: Site, leases: StoreLeases) -> None:
    """Once, however often the machine asks; with what a relay or a switch says of the port."""
    operation = site.deploy(1)
    nic = "52:54:00:00:01:00"
    with site.store.write() as transaction:
        transaction.sightings.keep(RelaySighting(nic, "10.2.0.1", "Gi1/0/7", "leaf-1"))
    leases.offer(nic, operation.id)
    for _ in range(3):
        leases.confirm(nic, FIRST, operation.id)
    with site.store.read() as transaction:
        [told] = [run for run in transaction.operations.steps_of(operation.id) if run.outcome == NOTE]
    assert told.step == "DHCP"
    assert told.detail == f"NIC {nic} was given {FIRST}; option 82 says leaf-1, Gi1/0/7, relay 10.2.0.1"
