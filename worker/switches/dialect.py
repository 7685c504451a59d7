"""What a switch's command line looks like, as data: which lines read a port, which set it, and what an answer means.

A line is a template with `{port}`, `{untagged}`, `{vlan}`, `{vlans}` and `{description}`. All of these are checked
before they get here (`bmprov.switch`, `bmprov.port_names`), so that no value can end a line or begin another.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from bmprov.errors import SwitchRefused
from bmprov.switch import Change, PortMode, PortSetting, PortState
from bmprov.vlans import spans, written


class Which(Enum):
    """Some VLANs of a port that is changed. A VLAN whose tag comes or goes is stale and fresh."""

    ALL = auto()
    STALE = auto()
    STALE_TAGGED = auto()
    FRESH_TAGGED = auto()
    FRESH_UNTAGGED = auto()


@dataclass(frozen=True)
class Each:
    """A line for each VLAN, `{vlan}`."""

    which: Which
    line: str


@dataclass(frozen=True)
class Spans:
    """As few lines as hold all of these VLANs, as `{vlans}`; no line for none.

    `at_most` ranges are in a line, because switches cut long ones off; `more` is the second line and those after it,
    where a switch would replace the first by it.
    """

    which: Which
    line: str
    more: str = ""
    between: str = ","
    to: str = "-"
    at_most: int = 10


Line = str | Each | Spans


@dataclass(frozen=True)
class Dialect:
    """One switch operating system.

    `read` is asked in turn; a template without `{port}` once for all ports. `parse` makes a port's state of the answers
    that concern it, in that order, and returns None when they say nothing of the port. `missing` is how the switch
    says that it has no such port. `vlan` finds VLANs (its group may be a list of ranges) in the answer to `vlans`.

    A setting is `before`, then `access` or `trunk` (with `native` or `no_native` in the place of `NATIVE`). `unroute`
    goes before that when the port is routed. `flaps`: between two modes the port would carry the switch's default
    VLAN, so it is disabled meanwhile. `needs_native`: the switch cannot have a trunk without one. `default_native`: a
    trunk without one drops what has no tag because this VLAN is native and not allowed.

    `errors`, `busy` and `denied` are looked for in every answer. With `commit`, `committed` must be in its answer, and
    `abandon` is sent after an error. `save` is empty where every change is kept anyway.
    """

    name: str
    device_type: str
    read: tuple[str, ...]
    parse: Callable[[str, Sequence[str]], PortState | None]
    missing: re.Pattern[str]
    vlans: str
    vlan: re.Pattern[str]
    create_vlan: tuple[str, ...]
    enter: tuple[str, ...]
    leave: tuple[str, ...]
    access: tuple[Line, ...]
    trunk: tuple[Line, ...]
    native: tuple[Line, ...]
    no_native: tuple[Line, ...]
    enable: tuple[str, ...]
    disable: tuple[str, ...]
    describe: tuple[str, ...]
    undescribe: tuple[str, ...]
    errors: re.Pattern[str]
    save: tuple[str, ...]
    select: tuple[str, ...] = ()
    unselect: tuple[str, ...] = ()
    unroute: tuple[str, ...] = ()
    commit: str = ""
    committed: str = ""
    abandon: tuple[str, ...] = ()
    busy: re.Pattern[str] = re.compile(r"(?i)\block(?:ed)? by\b|locked exclusively|another (?:user|session)")
    denied: re.Pattern[str] = re.compile(
        r"(?i)authorization (?:failed|denied)|permission denied|privilege level too low"
    )
    flaps: bool = False
    needs_native: bool = False
    default_native: int | None = None
    needs_enable: bool = False

    def lines(self, change: Change, state: PortState) -> list[str]:
        """What makes `state` what `change` orders; empty when it is.

        Raises:
            SwitchRefused: this kind of switch cannot have it so.
        """
        wanted = change.fulfilled(state)
        body: list[str] = [*self.disable] if state.enabled and not wanted.enabled else []
        if change.setting is not None and not state.carries(change.setting):
            flap = self.flaps and state.enabled and wanted.enabled and state.mode is not change.setting.mode
            body += [
                *(self.disable if flap else ()),
                *self._setting(change.setting, state),
                *(self.enable if flap else ()),
            ]
        if wanted.description != state.description:
            body += self.describe if wanted.description else self.undescribe
        if wanted.enabled and not state.enabled:
            body += self.enable
        named = [line.replace("{port}", change.port).replace("{description}", wanted.description) for line in body]
        select, unselect = (
            [line.replace("{port}", change.port) for line in some] for some in (self.select, self.unselect)
        )
        return [*select, *named, *unselect] if named else []

    def creation(self, vlans: Iterable[int]) -> list[str]:
        """What makes these VLANs."""
        return [line.replace("{vlan}", str(vlan)) for vlan in sorted(vlans) for line in self.create_vlan]

    def changing(self, lines: Sequence[str]) -> list[str]:
        """The lines with what leads to the configuration, commits it and leads away."""
        return [*self.enter, *lines, *([self.commit] if self.commit else []), *self.leave] if lines else []

    def _setting(self, setting: PortSetting, state: PortState) -> list[str]:
        lines: list[Line] = [*self.unroute] if state.mode is PortMode.ROUTED else []
        if setting.mode is PortMode.ACCESS:
            lines += self.access
        else:
            self._check_trunk(setting)
            native = self.no_native if setting.untagged is None else self.native
            for line in self.trunk:
                lines += native if line == NATIVE else (line,)
        return [made for line in lines for made in _lines(line, setting, state)]

    def _check_trunk(self, setting: PortSetting) -> None:
        if setting.untagged is None and self.needs_native:
            raise SwitchRefused(f"{self.name} has no trunk without a native VLAN", "order one, which nothing else uses")
        if setting.untagged is None and self.default_native in setting.tagged:
            raise SwitchRefused(
                f"{self.name} cannot carry VLAN {self.default_native} with a tag on a trunk without a native VLAN",
                "order another native VLAN",
            )


NATIVE = "{native}"
"""Stands for a dialect's `native` or `no_native` in its `trunk`."""


def _lines(line: Line, setting: PortSetting, state: PortState) -> list[str]:
    if isinstance(line, str):
        return [line.replace("{untagged}", str(setting.untagged))]
    vlans = _chosen(line.which, setting, state)
    if isinstance(line, Each):
        return [line.line.replace("{vlan}", str(vlan)) for vlan in sorted(vlans)]
    ranges = [written(range(first, last + 1), line.between, line.to) for first, last in spans(vlans)]
    chunks = [line.between.join(ranges[at : at + line.at_most]) for at in range(0, len(ranges), line.at_most)]
    return [
        (line.more if number and line.more else line.line).replace("{vlans}", chunk)
        for number, chunk in enumerate(chunks)
    ]


def _chosen(which: Which, setting: PortSetting, state: PortState) -> frozenset[int]:
    was, is_now = (frozenset(() if one.untagged is None else (one.untagged,)) for one in (state, setting))
    match which:
        case Which.ALL:
            return setting.vlans
        case Which.STALE:
            return (was - is_now) | (state.tagged - setting.tagged)
        case Which.STALE_TAGGED:
            return state.tagged - setting.tagged
        case Which.FRESH_TAGGED:
            return setting.tagged - state.tagged
        case Which.FRESH_UNTAGGED:
            return is_now - was
