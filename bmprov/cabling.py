"""Which NIC sits on which switch port: what people have entered, what was heard on the cable, and what holds.

Three say it: the cabling that people entered, LLDP as the ramdisk hears it, and DHCP's option 82 as relays and switches
add it. What people entered holds until something newer contradicts; then nothing holds, and a person decides. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bmprov.port_names import PORT_NAMES
from bmprov.vlans import VlanRanges


class Source(StrEnum):
    """Where a fact about a cable comes from: a person, a person's file, LLDP, or DHCP's option 82."""

    HAND = "hand"
    FILE = "file"
    LLDP = "lldp"
    RELAY = "relay"


@dataclass(frozen=True)
class ManagedSwitch:
    """A switch whose ports bmprov sets. `address` and the login are as `bmprov.switch.SwitchLogin` has them.

    `vlans` are the tenants' VLANs that may be set. Machines network-boot in `provisioning_vlan`. A port that nobody has
    is disabled, in `quarantine_vlan`, which leads nowhere. `uplinks` are never touched. `known_as` is what else LLDP
    and relays call the switch: its chassis' MAC, its system name. `save` keeps each change over a restart. `heard_at`
    is when it answered last, `error` why the newest attempt failed.
    """

    id: str
    name: str
    address: str
    user: str
    sealed_password: bytes = field(repr=False)
    sealed_enable: bytes = field(repr=False)
    provisioning_vlan: int
    quarantine_vlan: int
    vlans: VlanRanges = field(default_factory=VlanRanges)
    uplinks: tuple[str, ...] = ()
    known_as: tuple[str, ...] = ()
    host_key: str = ""
    create_vlans: bool = True
    save: bool = False
    site: str = "default"
    heard_at: float | None = None
    error: str = ""
    created_at: float = 0.0
    sealed_key: bytes = field(default=b"", repr=False)

    @property
    def dialect(self) -> str:
        """Its kind, a key of `bmprov.port_names.PORT_NAMES`."""
        return self.address.partition("://")[0]

    @property
    def own_vlans(self) -> frozenset[int]:
        """The VLANs that no tenant may be put into."""
        return frozenset({self.provisioning_vlan, self.quarantine_vlan})

    @property
    def names(self) -> frozenset[str]:
        """What it is called, in lower case."""
        return frozenset(name.lower() for name in (self.name, *self.known_as))


@dataclass(frozen=True)
class Cable:
    """A NIC's port as a person entered it. `aggregate` is the link aggregation's interface that the port belongs to."""

    mac: str
    switch_id: str
    port: str
    aggregate: str = ""
    source: Source = Source.HAND
    by: str = ""
    at: float = 0.0


@dataclass(frozen=True)
class Neighbour:
    """What a NIC's neighbour said of itself by LLDP (IEEE 802.1AB): system, chassis, port, the port's description."""

    mac: str
    system: str
    chassis: str
    port: str
    description: str = ""
    seen_at: float = 0.0


@dataclass(frozen=True)
class RelaySighting:
    """What a relay or a switch added to a NIC's DHCP requests (option 82, RFC 3046).

    `relay` is the relay's address, empty for a switch that adds the option and relays nothing. `circuit_id` is mostly
    the port, `remote_id` the switch, in the maker's own words: text, or `0x` and digits.
    """

    mac: str
    relay: str
    circuit_id: str
    remote_id: str
    seen_at: float = 0.0


@dataclass(frozen=True)
class Interface:
    """What a switch is told about: a port, or the link aggregation that it belongs to."""

    switch: ManagedSwitch
    name: str

    def __str__(self) -> str:
        return f"{self.switch.name} {self.name}"


@dataclass(frozen=True)
class PortPlace:
    """A port of one of our switches."""

    switch: ManagedSwitch
    port: str
    aggregate: str = ""

    @property
    def interface(self) -> Interface:
        """What is told what to carry."""
        return Interface(self.switch, self.aggregate or self.port)

    def __str__(self) -> str:
        return f"{self.switch.name} {self.port}" + (f" in {self.aggregate}" if self.aggregate else "")


@dataclass(frozen=True)
class Fact:
    """One fact about a cable, in words, and the port of ours that it means, when it means one."""

    source: Source
    words: str
    at: float
    by: str = ""
    place: PortPlace | None = None


@dataclass(frozen=True)
class NicCabling:
    """What is known of one NIC's cable. `place` holds only while nothing contradicts it: `conflicts` say what does."""

    mac: str
    facts: tuple[Fact, ...] = ()
    place: PortPlace | None = None
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Heard:
    """All that was said of one NIC's cable. `rivals` are others, in words, who are said to be on the same port."""

    cable: Cable | None = None
    neighbour: Neighbour | None = None
    relay: RelaySighting | None = None
    rivals: Sequence[str] = ()


class KnownSwitches:
    """Switches, to be found by their ids, and by what LLDP and relays call them."""

    def __init__(self, switches: Iterable[ManagedSwitch]) -> None:
        self._by_id = {switch.id: switch for switch in switches}
        self._by_name = {name: switch for switch in self._by_id.values() for name in switch.names}

    def of_id(self, switch_id: str) -> ManagedSwitch | None:
        """The one with this id."""
        return self._by_id.get(switch_id)

    def called(self, *names: str) -> ManagedSwitch | None:
        """The one that has one of these names; a host name counts with its domain and without."""
        for name in map(str.lower, filter(None, names)):
            host = name if ":" in name else name.partition(".")[0]
            if found := self._by_name.get(name) or self._by_name.get(host):
                return found
        return None


def settle(mac: str, heard: Heard, known: KnownSwitches) -> NicCabling:
    """What holds of one NIC's cable."""
    entered = _entered(heard.cable, known)
    seen = [fact for fact in (_by_lldp(heard.neighbour, known), _by_relay(heard.relay, known)) if fact]
    facts = ([entered] if entered else []) + seen
    if entered and entered.place is None:
        return NicCabling(mac, tuple(facts), None, (f"it is entered for {entered.words}",))
    chosen = next((fact for fact in facts if fact.place), None)
    if chosen is None or chosen.place is None:
        return NicCabling(mac, tuple(facts))
    conflicts = [told for fact in seen if fact is not chosen and (told := _against(fact, chosen))]
    conflicts += [f"{rival} is said to be on {chosen.place} too" for rival in heard.rivals]
    if {chosen.place.port, chosen.place.aggregate} & set(chosen.place.switch.uplinks):
        conflicts.append(f"{chosen.place} is an uplink")
    return NicCabling(mac, tuple(facts), None if conflicts else chosen.place, tuple(conflicts))


def _entered(cable: Cable | None, known: KnownSwitches) -> Fact | None:
    if cable is None:
        return None
    switch = known.of_id(cable.switch_id)
    if switch is None:
        return Fact(cable.source, f"port {cable.port} of a switch of another site", cable.at, cable.by)
    place = PortPlace(switch, cable.port, cable.aggregate)
    return Fact(cable.source, str(place), cable.at, cable.by, place)


def _by_lldp(seen: Neighbour | None, known: KnownSwitches) -> Fact | None:
    if seen is None:
        return None
    place = _place(known.called(seen.system, seen.chassis), seen.port, seen.description)
    return Fact(Source.LLDP, f"{seen.system or seen.chassis} {seen.port}".strip(), seen.seen_at, place=place)


def _by_relay(seen: RelaySighting | None, known: KnownSwitches) -> Fact | None:
    if seen is None:
        return None
    words = " ".join(filter(None, (seen.remote_id, seen.circuit_id, seen.relay and f"by relay {seen.relay}")))
    return Fact(Source.RELAY, words, seen.seen_at, place=_place(known.called(seen.remote_id), seen.circuit_id))


def _place(switch: ManagedSwitch | None, *names: str) -> PortPlace | None:
    if switch is None:
        return None
    full = (PORT_NAMES[switch.dialect].completed(name) for name in names)
    found = next((name for name in full if name), None)
    return PortPlace(switch, found) if found else None


def _against(fact: Fact, chosen: Fact) -> str:
    """Why a fact speaks against the one that is chosen; empty when it does not.

    What is older than what a person entered is out of date. A relay's words are the maker's own, so those that mean no
    port of ours say nothing; LLDP's name a switch, and one that we do not know may be another.
    """
    if fact.at <= chosen.at and chosen.source in (Source.HAND, Source.FILE):
        return ""
    if fact.place is None:
        return "" if fact.source is Source.RELAY else f"LLDP says {fact.words}, which is no port of a switch known here"
    same = chosen.place is not None and (fact.place.switch.id, fact.place.port) == (
        chosen.place.switch.id,
        chosen.place.port,
    )
    return "" if same else f"{_SPEAKERS[fact.source]} says {fact.place}"


_SPEAKERS = {Source.LLDP: "LLDP", Source.RELAY: "DHCP's option 82"}
