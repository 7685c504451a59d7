"""Which address of a range is given out next: the first that is free."""

from collections import deque
from ipaddress import IPv4Address
from itertools import islice

from bmprov.store import Transaction
from bmprov.subnet import Subnet

_FRESH_S = 1.0
_AT_ONCE = 256


class FreeAddresses:
    """The first free addresses of one range, looked for in one go for many machines that come at once.

    Each is looked at once more when it is given out, because other servers give out of the same range.
    """

    def __init__(self, site: str, subnet: Subnet) -> None:
        self._site = site
        self._subnet = subnet
        self._free: deque[str] = deque()
        self._looked_at = float("-inf")

    def take(self, transaction: Transaction) -> str | None:
        """The first address that nobody has; None when all are taken."""
        if not 0 <= transaction.now - self._looked_at < _FRESH_S:
            self._free.clear()
        return self._first(transaction) or (self._first(transaction) if self._look(transaction) else None)

    def _first(self, transaction: Transaction) -> str | None:
        while self._free:
            address = self._free.popleft()
            if not self._is_taken(transaction, address):
                return address
        return None

    def _is_taken(self, transaction: Transaction, address: str) -> bool:
        """A lease may have been given back, by a forged packet too, while a token is bound to its address."""
        leases = transaction.leases
        return leases.is_leased(address, self._site) or leases.is_bound(address, self._site, "")

    def _look(self, transaction: Transaction) -> bool:
        taken = transaction.leases.taken(self._site)
        first, last = int(self._subnet.range_first), int(self._subnet.range_last)
        addresses = (str(IPv4Address(number)) for number in range(first, last + 1))
        self._free = deque(islice((address for address in addresses if address not in taken), _AT_ONCE))
        self._looked_at = transaction.now
        return bool(self._free)
