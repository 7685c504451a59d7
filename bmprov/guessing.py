"""When somebody has guessed too often at passwords, and must wait: policy, without I/O.

Three limits, each over the failures of the last quarter of an hour:

- a name from one place: ten. A person who has forgotten a password stops here; colleagues behind the same address, and
  the same person elsewhere, go on.
- a place, whatever the names: fifty. It stops somebody who tries one password on every name.
- a name, whatever the places: a hundred. It stops guessing from many places. The person is not locked out by it, which
  would be a gift to any stranger: places where they have signed in within the last month stay open to them, up to the
  first limit.

Who is over a limit waits until the oldest of the failures that count is a quarter of an hour old. Tries meanwhile do
not count, so nobody can hold the door shut by knocking, and they are not written down, so nobody can fill the log.
A place is an IPv4 address, or the /64 network of an IPv6 one: that is what one household or one server is given.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

WINDOW_S = 900.0
"""How long a failure counts."""

AT_HOME_S = 30 * 86_400.0
"""How long a place stays one where somebody has signed in."""

OF_NAME_HERE, OF_PLACE, OF_NAME = 10, 50, 100


@dataclass(frozen=True)
class Failure:
    """A sign-in that failed: when, with what name, from what address."""

    at: float
    name: str
    origin: str


def wait_s(failures: Iterable[Failure], name: str, origin: str, now: float, *, at_home: bool) -> float:
    """How long `name` must not try from `origin`; 0 when it may. `at_home`: they have signed in from there lately."""
    here = place(origin)
    lately = sorted((one for one in failures if one.at > now - WINDOW_S), key=lambda one: one.at)
    limits = [
        (OF_NAME_HERE, [one.at for one in lately if one.name == name and place(one.origin) == here]),
        (OF_PLACE, [one.at for one in lately if place(one.origin) == here]),
        (OF_NAME, [] if at_home else [one.at for one in lately if one.name == name]),
    ]
    return max([times[-most] + WINDOW_S - now for most, times in limits if len(times) >= most], default=0.0)


def place(origin: str) -> str:
    """What counts as one place with this address; an address that is none stands for itself."""
    try:
        address = ip_address(origin)
    except ValueError:
        return origin
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(ip_network((int(address), 64), strict=False))
    return origin
