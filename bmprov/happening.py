"""What an audit event is about: the kinds that people filter by, and each event in plain words.

An event's name (`AuditEvent.what`) is written where it happens. Names that begin alike belong together: a kind is the
words that its names begin with. A test looks through the code that no name is without a kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from bmprov.actions import ACTIONS, CHECK, MARK_FIXED, NETWORK_APPLY, NETWORK_CHECK, NETWORK_PLAN

OUT_OF_BAND = "out-of-band power"
"""How the name of an event begins that tells of a change of power which nobody had ordered."""

_POWER_ACTIONS = tuple(action.name for action in ACTIONS.values() if action.power is not None)
_CHECKS = (CHECK, MARK_FIXED, NETWORK_APPLY, NETWORK_CHECK, NETWORK_PLAN)
_OTHER_ACTIONS = tuple({one.name for one in (*ACTIONS.values(), *_CHECKS)} - {*_POWER_ACTIONS})


class Kind(StrEnum):
    """What people look for."""

    POWER = "power"
    OUT_OF_BAND = "out-of-band"
    DEPLOYMENTS = "deployments"
    PEOPLE = "people"
    MACHINES = "machines"
    IMAGES = "images"


@dataclass(frozen=True)
class KindWords:
    """A kind as it is shown, and the words that the names of its events begin with."""

    title: str
    begins: tuple[str, ...]


_DEPLOYMENTS = ("reserve", "reservation", "deploy", "release", "cancel", "quarantined")
_IN_MAAS = ("lost in MAAS", "given back", "offered by MAAS", "withdrawn by MAAS", "gone from MAAS", "found in MAAS")
_ACCESS = ("person", "role", "people", "signed", "sign-in", "session", "sessions", "password", "refused", "wall link")
_PROGRAMS = ("token", "webhook", "console")
_MACHINES = ("enrol", "remove", "inspect", "maintenance", "NICs", "BMC", "note", "notes", "place")
_NETWORK = ("cable", "switch", "MAAS region", "another DHCP server")

KINDS: Mapping[Kind, KindWords] = MappingProxyType(
    {
        Kind.POWER: KindWords("Power", ("power", OUT_OF_BAND, *_POWER_ACTIONS)),
        Kind.OUT_OF_BAND: KindWords("Out-of-band", (OUT_OF_BAND,)),
        Kind.DEPLOYMENTS: KindWords("Deployments", (*_DEPLOYMENTS, *_IN_MAAS)),
        Kind.PEOPLE: KindWords("People", (*_ACCESS, *_PROGRAMS)),
        Kind.MACHINES: KindWords("Machines, network", (*_MACHINES, *_NETWORK, *_OTHER_ACTIONS)),
        Kind.IMAGES: KindWords("Images", ("image",)),
    }
)

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "enrol": "machine enrolled",
        "remove": "machine removed",
        "reserve": "machine reserved",
        "deploy": "deployment begun",
        "release": "release begun",
        "inspect": "inspection begun",
        "cancel": "operation cancelled",
        "maintenance": "maintenance begun",
        "firmware": "firmware settings changed, or asked for",
        "NICs": "NICs changed",
        "BMC": "BMC login changed",
        "cable": "cable entered",
        "quarantined": "quarantined after a fault",
        "lost in MAAS": "taken away in MAAS",
        "softshutdown": "power soft-off ordered",
    }
)


def kinds_of(what: str) -> tuple[Kind, ...]:
    """The kinds that an event belongs to."""
    return tuple(kind for kind, words in KINDS.items() if any(begins(what, word) for word in words.begins))


def begins(what: str, words: str) -> bool:
    """Whether an event's name begins with these whole words."""
    return what == words or what.startswith(f"{words} ")


def out_of_band(what: str) -> bool:
    """Whether the power has changed and nobody had ordered it."""
    return begins(what, OUT_OF_BAND)


def plain(what: str) -> str:
    """What happened, in plain words."""
    if out_of_band(what):
        return f"power went {what.rpartition(' ')[2]}, and nobody had ordered it"
    if begins(what, "power"):
        return f"{what} ordered"
    if what in _WORDS:
        return _WORDS[what]
    action = ACTIONS.get(what)
    return f"asked for: {action.about}" if action else what
