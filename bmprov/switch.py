"""Switch ports as bmprov orders and reads them, what every switch driver fulfils, and what is never ordered.

The words are IEEE 802.1Q's as vendors use them: an access port carries one VLAN, untagged; a trunk carries VLANs with
their tag, and beside them at most one untagged, its native VLAN. What a port that belongs to a link aggregation does is
ordered of the aggregate's own interface, where the dialect has a name for it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, Self

from bmprov.deadline import Deadline
from bmprov.errors import Invalid
from bmprov.vlans import VlanRanges, checked, written

LONGEST_DESCRIPTION = 64
_DESCRIPTION = re.compile(
    rf"(?:[A-Za-z0-9_.,:/()@=+*-](?:[A-Za-z0-9 _.,:/()@=+*-]{{0,{LONGEST_DESCRIPTION - 2}}}"
    r"[A-Za-z0-9_.,:/()@=+*-])?)?",
    re.ASCII,
)


class PortMode(StrEnum):
    """What kind of port it is.

    bmprov makes the first two. `ROUTED` belongs to no VLAN; `OTHER` is the rest: dynamic, a tunnel, a private VLAN.
    """

    ACCESS = "access"
    TRUNK = "trunk"
    ROUTED = "routed"
    OTHER = "other"


@dataclass(frozen=True)
class PortSetting:
    """The VLANs that a port is to carry; made by `access` and `trunk`.

    `untagged` is the access VLAN, or a trunk's native VLAN; None is a trunk that carries nothing without a tag. The
    native VLAN is never in `tagged` too.
    """

    mode: PortMode
    untagged: int | None
    tagged: frozenset[int]

    @classmethod
    def access(cls, vlan: int) -> Self:
        """One VLAN, untagged.

        Raises:
            Invalid: no VLAN has this number.
        """
        return cls(PortMode.ACCESS, checked(vlan), frozenset())

    @classmethod
    def trunk(cls, allowed: Iterable[int], native: int | None = None) -> Self:
        """These VLANs with a tag; `native`, which need not be among them, without one.

        Raises:
            Invalid: a number is no VLAN, or nothing is left to be tagged, so that it would be an access port.
        """
        tagged = frozenset(checked(vlan) for vlan in allowed if vlan != native)
        if not tagged:
            raise Invalid(
                "a trunk must carry at least one VLAN with a tag", "order an access port, or disable the port"
            )
        return cls(PortMode.TRUNK, None if native is None else checked(native), tagged)

    @property
    def vlans(self) -> frozenset[int]:
        """Every VLAN that it carries."""
        return self.tagged if self.untagged is None else self.tagged | {self.untagged}

    def __str__(self) -> str:
        return _words(self.mode, self.untagged, self.tagged)


@dataclass(frozen=True)
class PortState:
    """A port as its switch's configuration reads.

    `enabled` is what is configured, not whether a cable is in it. A native VLAN that a trunk does not carry (a Cisco's
    native 1 when 1 is not allowed) reads as `untagged=None`, because frames without a tag are dropped there.
    """

    name: str
    enabled: bool
    mode: PortMode
    untagged: int | None = None
    tagged: frozenset[int] = frozenset()
    description: str = ""

    @property
    def vlans(self) -> frozenset[int]:
        """Every VLAN that it carries."""
        return self.tagged if self.untagged is None else self.tagged | {self.untagged}

    def carries(self, setting: PortSetting) -> bool:
        """Whether it is what the setting orders, exactly."""
        return (self.mode, self.untagged, self.tagged) == (setting.mode, setting.untagged, setting.tagged)

    def __str__(self) -> str:
        return _words(self.mode, self.untagged, self.tagged) + ("" if self.enabled else ", disabled")


@dataclass(frozen=True)
class Change:
    """What is ordered of one port; None leaves as it is what it stands for.

    Raises:
        Invalid: the description has characters that some switch's command line would take for something else.
    """

    port: str
    setting: PortSetting | None = None
    enabled: bool | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        if self.description is not None and not _DESCRIPTION.fullmatch(self.description):
            raise Invalid(
                f"the description of port {self.port!r} cannot be set on every switch",
                f"use at most {LONGEST_DESCRIPTION} of letters, digits, inner spaces and _.,:/()@=+*-",
            )

    def differences(self, state: PortState) -> Sequence[str]:
        """What is not as ordered, each as a sentence; empty when nothing is to be done."""
        told = []
        if self.setting is not None and not state.carries(self.setting):
            found = _words(state.mode, state.untagged, state.tagged)
            told.append(f"port {self.port} is {found}, not {self.setting}")
        if self.enabled is not None and state.enabled is not self.enabled:
            told.append(f"port {self.port} is {_ability(state.enabled)}, not {_ability(self.enabled)}")
        if self.description is not None and state.description != self.description:
            told.append(f"port {self.port} is described as '{state.description}', not '{self.description}'")
        return told

    def fulfilled(self, state: PortState) -> PortState:
        """The state that the port is in once this is done."""
        setting = self.setting or state
        return PortState(
            state.name,
            state.enabled if self.enabled is None else self.enabled,
            setting.mode,
            setting.untagged,
            setting.tagged,
            state.description if self.description is None else self.description,
        )


@dataclass(frozen=True)
class Plan:
    """What would be done: the ports as they are, and the exact lines that would be sent, in order."""

    before: Mapping[str, PortState]
    commands: Sequence[str]


@dataclass(frozen=True)
class Outcome:
    """What was done and read back: the ports before and after, and the lines that were sent (none: all was well)."""

    before: Mapping[str, PortState]
    after: Mapping[str, PortState]
    commands: Sequence[str]
    saved: bool = False


@dataclass(frozen=True)
class SwitchLogin:
    """Where a switch is and how to log in to it.

    `address` is a URL without user and password: `DIALECT://HOST[:PORT]`, such as `cisco-ios://10.1.0.2`. `enable` is
    the second password that some switches ask for. `key` is a private SSH key, in OpenSSH's form or PEM, without a
    passphrase; it is tried before the password, which may then be empty. `host_key` is the SSH host key's fingerprint
    (`SHA256:...`, as `ssh-keygen -lf` tells it); without one any key is believed. `create_vlans` lets a missing VLAN be
    made.
    """

    address: str
    user: str
    password: str = field(repr=False)
    enable: str = field(default="", repr=False)
    host_key: str = ""
    create_vlans: bool = True
    key: str = field(default="", repr=False)


class Switch(Protocol):
    """The ports of one switch.

    Each call is one session, under a lock that lets one of ours at a time onto a switch, and ends by its deadline. A
    port is named as the switch itself writes it in its configuration, in full (`GigabitEthernet1/0/7` and never
    `Gi1/0/7`): one port has one name, so that no other spelling gets past the list of uplinks.

    Raises:
        SwitchUnreachable: no answer by the deadline, or the connection broke (retry: everything may have happened).
        SwitchBusy: another session holds the switch or its configuration (retry; nothing was changed).
        SwitchMismatch: all was accepted and something else reads back (retry).
        SwitchAuthFailed: the user or the password is wrong (an operator must look; nothing was changed).
        SwitchRefused: no such port, no such VLAN, or the switch would not take a line (an operator must look).
        Invalid: a port's name is not one that this kind of switch can have; nothing was sent.
    """

    def read(self, ports: Sequence[str], by: Deadline) -> Mapping[str, PortState]:
        """The ports as configured, by name. One that the switch does not have is `SwitchRefused`, for all of them."""
        ...

    def plan(self, changes: Sequence[Change], by: Deadline) -> Plan:
        """What `apply` would send. Nothing is changed; what would be refused on sight is refused here too."""
        ...

    def apply(self, changes: Sequence[Change], by: Deadline, *, save: bool = False) -> Outcome:
        """Make the changes, in one batch, and return once every one reads back.

        A port that is as ordered already gets no line, and its neighbours none either. VLANs that a setting needs and
        the switch lacks are created first, or refused before any port is touched. A setting replaces what the port
        carried; between the two it may carry less for a moment, never a VLAN that neither of them has. What reads back
        is compared in full: mode, untagged and tagged VLANs, and whatever else the change orders; not the VLAN's name,
        not the link.

        `save` makes the switch keep its running configuration over a restart, all of it, once everything has read
        back; `apply((), by, save=True)` only saves. Where every change is kept anyway (Junos) there is nothing to do,
        and a switch that cannot keep any (a Linux bridge) refuses before it changes something.

        When this raises, ports may be as before, as ordered or (on a switch without commit) in between: read again, or
        apply again, which ends in the same world.
        """
        ...


@dataclass(frozen=True)
class Bounds:
    """What bmprov may touch on one switch: the ports that the cabling names, less the uplinks, and these VLANs."""

    cabled: frozenset[str]
    uplinks: frozenset[str]
    vlans: VlanRanges

    def objections(self, changes: Iterable[Change]) -> Sequence[str]:
        """Why the changes must not be made, each as a sentence; empty when they may."""
        told, seen = [], set[str]()
        for change in changes:
            if change.port in seen:
                told.append(f"port {change.port} is ordered twice in one batch")
            seen.add(change.port)
            if change.port in self.uplinks:
                told.append(f"port {change.port} is an uplink")
            elif change.port not in self.cabled:
                told.append(f"port {change.port} is not in the cabling")
            if change.setting is not None:
                told.extend(self._outside(change.port, change.setting))
        return told

    def _outside(self, port: str, setting: PortSetting) -> Sequence[str]:
        outside = self.vlans.outside(setting.vlans)
        if not outside:
            return []
        what = "VLAN" if len(outside) == 1 else "VLANs"
        given = f"the operator's ranges {self.vlans}" if self.vlans.ranges else "the operator has given no ranges"
        return [f"{what} {written(outside)} for port {port}: {given}"]


def differences(changes: Iterable[Change], states: Mapping[str, PortState]) -> Sequence[str]:
    """What is not as ordered on these ports, each as a sentence. A port without a state is a difference."""
    told: list[str] = []
    for change in changes:
        state = states.get(change.port)
        told.extend(change.differences(state) if state else [f"port {change.port} did not read back"])
    return told


def _words(mode: PortMode, untagged: int | None, tagged: frozenset[int]) -> str:
    if mode is PortMode.ACCESS:
        return f"access VLAN {untagged}"
    if mode is PortMode.TRUNK:
        native = "without a native VLAN" if untagged is None else f"with native VLAN {untagged}"
        return f"a trunk of VLANs {written(tagged) or 'none'} {native}"
    return "a routed port" if mode is PortMode.ROUTED else "neither an access port nor a trunk"


def _ability(enabled: bool) -> str:  # noqa: FBT001 - the fact itself
    return "enabled" if enabled else "disabled"
