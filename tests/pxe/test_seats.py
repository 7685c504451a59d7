"""What is read for a crowd in one go, on a real database."""

from ipaddress import IPv4Address

from sqlalchemy import event

from pxe.dhcp.policy import Idle, Wanted
from pxe.directory import StoreDirectory, StoreLeases
from pxe.seats import Seats
from tests.pxe.provisioning import Site

ONE, TWO, STRANGER = "52:54:00:00:01:00", "52:54:00:00:02:00", "52:54:00:00:09:00"


class Counted:
    """How many statements the site's database has been sent."""

    def __init__(self, site: Site) -> None:
        self.statements: list[str] = []
        event.listen(site.store.engine, "before_cursor_execute", self._note)

    def _note(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self.statements.append(statement)


def test_a_crowd_is_read_in_one_go(site: Site) -> None:
    """Who is expected costs no question of its own, strangers included."""
    operation = site.deploy(1)
    site.enrol(2)
    seats = Seats(site.store)
    directory = StoreDirectory(seats, site.vault, site.settings.pxe, "default")
    counted = Counted(site)
    seats.expect([ONE, TWO, STRANGER])
    asked = len(counted.statements)
    first, second, third = (directory.lookup(mac) for mac in (ONE, TWO, STRANGER))
    assert isinstance(first, Wanted)
    assert first.operation_id == operation.id
    assert (second, third) == (Idle("rack1-02"), "no machine has this MAC")
    assert len(counted.statements) == asked
    seats.expect([])
    assert directory.lookup(ONE) == first
    assert len(counted.statements) > asked


def test_what_this_server_changes_is_read_again(site: Site) -> None:
    """In one crowd a machine discovers, requests and is told the same address again, without a write the third time."""
    operation = site.deploy(1)
    seats = Seats(site.store)
    leases = StoreLeases(seats, site.settings.pxe, "default")
    seats.expect([ONE])
    address = leases.offer(ONE, operation.id)
    assert address == IPv4Address("127.66.0.10")
    assert leases.offer(ONE, operation.id) == address
    leases.confirm(ONE, address, operation.id)
    assert site.operation(operation).boot_ip == str(address)
    counted = Counted(site)
    assert leases.offer(ONE, operation.id) == address
    leases.confirm(ONE, address, operation.id)
    assert not [told for told in counted.statements if told.startswith(("UPDATE", "INSERT", "DELETE"))]


def test_two_servers_in_turns_give_no_address_twice(site: Site) -> None:
    """Each has looked which addresses are free before the other gave some of them out."""
    one, two = (StoreLeases(Seats(site.store), site.settings.pxe, "default") for _ in range(2))
    given = [
        server.offer(f"52:54:00:00:{number:02x}:{place:02x}", "")
        for number in range(20)
        for place, server in enumerate((one, two))
    ]
    assert sorted(map(str, given), key=lambda ip: int(ip.split(".")[3])) == [
        f"127.66.0.{number}" for number in range(10, 50)
    ]
