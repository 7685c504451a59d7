"""The region: its machines, networks, places, tags, users and their keys, and what it does with them."""

import itertools
import secrets
from dataclasses import dataclass, field

from tests.maas.care import Care
from tests.maas.deployment import Deployment
from tests.maas.events import EventLog
from tests.maas.machine import Link, Machine, Nic, Place
from tests.maas.network import Networks, Vlan
from tests.maas.power import PowerControl, Timings
from tests.maas.release import Release

_ALPHABET = "abcdefghkmnpqrstwxy34678"
_LENGTH = 6
SERIES = {"noble": "ubuntu", "jammy": "ubuntu", "focal": "ubuntu", "debian12": "custom"}
"""What can be deployed: series, and the operating system that each belongs to."""


@dataclass(frozen=True)
class User:
    name: str
    is_admin: bool = True


@dataclass(frozen=True)
class ApiKey:
    """The three parts of a key, and whose it is. A MAAS key has no consumer secret."""

    consumer: str
    token: str
    secret: str
    user: User

    def __str__(self) -> str:
        return f"{self.consumer}:{self.token}:{self.secret}"


@dataclass
class Region:
    """All that a region knows. It has one fabric with an untagged VLAN, on which MAAS serves DHCP, and its subnet."""

    timings: Timings = field(default_factory=Timings)
    machines: dict[str, Machine] = field(default_factory=dict)
    networks: Networks = field(default_factory=Networks)
    zones: dict[str, Place] = field(default_factory=dict)
    pools: dict[str, Place] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    """The comment of each."""
    keys: dict[str, ApiKey] = field(default_factory=dict)
    """Those that are valid, by their token."""
    ssh_keys: dict[str, list[str]] = field(default_factory=dict)
    """By the name of the user whose they are."""
    default_series: str = "noble"

    def __post_init__(self) -> None:
        self.log = EventLog()
        self.control = PowerControl(self.log, self.timings)
        self.releases = Release(self.control)
        self.care = Care(self.control)
        self._numbers = itertools.count(1)
        self._link_ids = itertools.count(1)
        self._nic_ids = itertools.count(1)
        self.add_zone("default")
        self.pools["default"] = Place(0, "default", "Default pool")
        fabric = self.networks.add_fabric(dhcp_on=True)
        self.provisioning = self.networks.add_subnet(self.networks.vlan(fabric, "0"), "10.1.0.0/16", "provisioning")
        self.deployment = Deployment(self.machines, self.control, self.provisioning.vlan)

    def add_key(self, user: User) -> ApiKey:
        key = ApiKey(secrets.token_hex(9), secrets.token_hex(9), secrets.token_hex(16), user)
        self.keys[key.token] = key
        return key

    def add_zone(self, name: str) -> Place:
        return self.zones.setdefault(name, Place(1 + len(self.zones), name))

    def add_pool(self, name: str) -> Place:
        return self.pools.setdefault(name, Place(len(self.pools), name))

    def add_machine(
        self, hostname: str = "", *, nics: int = 2, zone: str = "default", pool: str = "default", **facts: object
    ) -> Machine:
        """Add a machine that is Ready and off. `facts` are attributes of it, such as `cpu_count`, `tags`, `status`."""
        number = next(self._numbers)
        machine = Machine(
            system_id=_system_id(number),
            number=number,
            hostname=hostname or f"node{number:04}",
            nics=tuple(self._new_nic(number, index) for index in range(nics)),
            zone=self.add_zone(zone),
            pool=self.add_pool(pool),
        )
        for name, value in facts.items():
            setattr(machine, name, value)
        for tag in machine.tags:
            self.tags.setdefault(tag, "")
        self.machines[machine.system_id] = machine
        return machine

    def remove(self, machine: Machine) -> None:
        """Delete it, whatever is going on in it."""
        self.control.stop(machine)
        del self.machines[machine.system_id]

    def vlan_interface(self, parent: Nic, vlan: Vlan, tags: tuple[str, ...]) -> Nic:
        name = f"{parent.name}.{vlan.vid}"
        return Nic(next(self._nic_ids), name, parent.mac, vlan, (self.link("link_up"),), tags, parent=parent.id)

    def link(self, mode: str, **more: object) -> Link:
        return Link(next(self._link_ids), mode, **more)  # type: ignore[arg-type]

    def _new_nic(self, number: int, index: int) -> Nic:
        vlan: Vlan = self.provisioning.vlan
        link = self.link("auto" if index == 0 else "link_up", subnet=self.provisioning)
        mac = f"52:54:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}:{index:02x}"
        return Nic(next(self._nic_ids), f"eth{index}", mac, vlan, (link,))


def _system_id(number: int) -> str:
    """Six letters and digits, as MAAS's are; a number's is always the same, and no two are."""
    scattered = number * 40_503_551 % len(_ALPHABET) ** _LENGTH
    letters = []
    for _ in range(_LENGTH):
        scattered, digit = divmod(scattered, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(letters)
