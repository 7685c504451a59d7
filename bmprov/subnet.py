"""A provisioning network: its addresses, those among them that machines are given, and its router."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network


@dataclass(frozen=True)
class Subnet:
    """`range_first` to `range_last` are given to machines by DHCP inside `network`; `router` may be missing."""

    network: IPv4Network
    range_first: IPv4Address
    range_last: IPv4Address
    router: str = ""

    def check(self) -> None:
        """Refuse a network behind a relay that cannot work.

        Raises:
            ValueError: the range or the router is not in the network, or there is no router.
        """
        ends = (self.range_first, self.range_last)
        if any(end not in self.network for end in ends) or self.range_first > self.range_last:
            raise ValueError(f"the network {self.network} does not have a range from {ends[0]} to {ends[1]}")
        if not self.router or IPv4Address(self.router) not in self.network:
            raise ValueError(f"the network {self.network} needs a router in it: its machines reach this service by it")
        if self.range_first <= IPv4Address(self.router) <= self.range_last:
            raise ValueError(f"the router of the network {self.network} is in the range that machines are given")

    def has(self, address: IPv4Address) -> bool:
        """Whether this is one of the addresses that machines are given."""
        return self.range_first <= address <= self.range_last


def refuse_overlaps(subnets: Sequence[Subnet]) -> None:
    """Refuse networks that have addresses in common.

    Raises:
        ValueError: two have.
    """
    for place, one in enumerate(subnets):
        for other in subnets[:place]:
            if one.network.overlaps(other.network):
                raise ValueError(f"the networks {other.network} and {one.network} overlap")
