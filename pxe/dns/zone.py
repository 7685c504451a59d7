"""What this server knows by itself, and answers with authority. No I/O.

`NAME.DOMAIN` is the address that a machine has while an operation boots it, `boot.DOMAIN` is this service; addresses of
the provisioning networks have names in the other direction (RFC 1035, 3.5). A name that exists without what was asked
for is no error (RFC 2308, 2.2), which matters: a resolver that is told "no such name" for AAAA does not ask for A.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network

import dnslib

from pxe.dns.message import ANY, NO_ERROR, NO_SUCH_NAME, NS, PTR, SOA, A, Query

SERVICE = "boot"
"""The label of this service; a machine of that name is not found."""

TTL_S = 5
"""A machine's address changes with each operation, and whoever asks is on the same network."""

_SOA_S = (1, 3600, 600, 86400, TTL_S)  # serial, refresh, retry, expire, and how long "no" is kept; nobody transfers it
_REVERSE = ".in-addr.arpa"
_OCTETS = 4
_LABEL_CHARACTERS, _NAME_CHARACTERS = 63, 253


@dataclass(frozen=True)
class Hosts:
    """The site's machines at one moment: each one's address, by its name in lower case, or None while it has none."""

    addresses: Mapping[str, IPv4Address | None]
    names: Mapping[IPv4Address, str]


@dataclass(frozen=True)
class Found:
    """An answer: its code, its records, and the zone's own record when there are none."""

    code: int = NO_ERROR
    records: tuple[dnslib.RR, ...] = ()
    about: tuple[dnslib.RR, ...] = ()


@dataclass(frozen=True)
class Zone:
    """The names of `domain` and of the addresses in `networks`. `server` is this host's address."""

    domain: str
    networks: Sequence[IPv4Network]
    server: IPv4Address

    def apex_of(self, name: str) -> str | None:
        """The zone that `name` (lower case) is in; None when it is not ours."""
        if name == self.domain or name.endswith(f".{self.domain}"):
            return self.domain
        return next((apex for network in self.networks if (apex := _reverse_apex(name, network))), None)

    def answer(self, query: Query, apex: str, hosts: Hosts) -> Found:
        """What the zone says."""
        name = query.name
        records = [*self._of_the_apex(name, apex), *self._of_a_host(name, hosts)]
        owner = dnslib.DNSLabel(query.labels)  # as it was asked, in its upper and lower case
        asked = [dnslib.RR(owner, kind, rdata=data, ttl=TTL_S) for kind, data in records if query.kind in (kind, ANY)]
        if asked:
            return Found(records=tuple(asked))
        exists = bool(records) or self._exists(name, apex, hosts)
        return Found(NO_ERROR if exists else NO_SUCH_NAME, about=(self._soa(apex),))

    def _of_the_apex(self, name: str, apex: str) -> list[tuple[int, dnslib.RD]]:
        return [(SOA, self._soa_data), (NS, dnslib.NS(self._own_name))] if name == apex else []

    def _of_a_host(self, name: str, hosts: Hosts) -> list[tuple[int, dnslib.RD]]:
        if name == self._own_name:
            return [(A, dnslib.A(str(self.server)))]
        if name.endswith(_REVERSE):
            address = _address(_octets(name))
            told = self._name_at(address, hosts) if address else None
            return [(PTR, dnslib.PTR(told))] if told else []
        at = hosts.addresses.get(name.removesuffix(f".{self.domain}"))
        return [(A, dnslib.A(str(at)))] if at else []

    def _name_at(self, address: IPv4Address, hosts: Hosts) -> str | None:
        if address == self.server:
            return self._own_name
        name = f"{hosts.names[address]}.{self.domain}" if address in hosts.names else ""
        return name if _is_hostname(name) else None

    def _exists(self, name: str, apex: str, hosts: Hosts) -> bool:
        """Whether a name without records is one all the same: a machine's without address, or a part of longer ones."""
        if apex != self.domain:
            octets = _octets(name)
            return len(octets) < _OCTETS and _covered(octets) is not None
        inner = name.removesuffix(f".{self.domain}")
        return inner in hosts.addresses or any(known.endswith(f".{inner}") for known in hosts.addresses)

    def _soa(self, apex: str) -> dnslib.RR:
        return dnslib.RR(apex, SOA, rdata=self._soa_data, ttl=TTL_S)

    @property
    def _soa_data(self) -> dnslib.SOA:
        return dnslib.SOA(self._own_name, f"hostmaster.{self.domain}", _SOA_S)

    @property
    def _own_name(self) -> str:
        return f"{SERVICE}.{self.domain}"


def _reverse_apex(name: str, network: IPv4Network) -> str | None:
    """The reverse zone of a network is cut at whole octets, as delegations are; addresses outside it are not ours."""
    if not name.endswith(_REVERSE):
        return None
    octets = _octets(name)
    kept = min(_OCTETS - 1, max(1, -(-network.prefixlen // 8)))
    zone = _covered(octets[:kept]) if len(octets) >= kept else None
    if zone is None or not zone.overlaps(network):
        return None
    address = _address(octets)
    if address is not None and address not in network:
        return None
    return ".".join(reversed(octets[:kept])) + _REVERSE


def _octets(name: str) -> list[str]:
    """What stands before `in-addr.arpa`, in the order of addresses."""
    return name.removesuffix(_REVERSE).split(".")[::-1]


def _covered(octets: list[str]) -> IPv4Network | None:
    """The addresses that begin with these octets."""
    try:
        return IPv4Network(".".join(octets + ["0"] * (_OCTETS - len(octets))) + f"/{8 * len(octets)}")
    except ValueError:
        return None


def _address(octets: list[str]) -> IPv4Address | None:
    try:
        return IPv4Address(".".join(octets))
    except AddressValueError:
        return None


def _is_hostname(name: str) -> bool:
    """Whether DNS can carry this name: a machine's may be longer than a label."""
    labels = name.split(".")
    return len(name) <= _NAME_CHARACTERS and all(0 < len(label) <= _LABEL_CHARACTERS for label in labels)
