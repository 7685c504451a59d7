"""NICs that ask DHCP, as the store knows them: read for a whole crowd in one go, when a hall is switched on at once."""

from collections.abc import Collection
from dataclasses import dataclass

from bmprov.store import Store
from bmprov.store.leases import Lease
from bmprov.store.seats import Seat


@dataclass(frozen=True)
class Known:
    """What the store knows of a NIC: whose it is, and which address it has or had."""

    seat: Seat | None
    lease: Lease | None


class Seats:
    """Answers from what was read for the crowd that is expected, which is asked about next, and else from the store.

    Whoever expects no crowd may share it among threads.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._expected: dict[str, Known] = {}

    def expect(self, macs: Collection[str]) -> None:
        """These NICs are asked about next. What was read for those before is forgotten."""
        self._expected = {}
        self._expected = self._read(macs)

    def of(self, mac: str) -> Known:
        """What is known of a NIC."""
        return self._expected.get(mac) or self._read([mac])[mac]

    def changed(self, mac: str) -> None:
        """What was read of a NIC does not hold any more."""
        self._expected.pop(mac, None)

    def _read(self, macs: Collection[str]) -> dict[str, Known]:
        with self.store.read() as transaction:
            seats, leases = transaction.seats.of(macs), transaction.leases.of(macs)
        return {mac: Known(seats.get(mac), leases.get(mac)) for mac in macs}
