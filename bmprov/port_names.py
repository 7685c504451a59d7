"""How each kind of switch names its ports, in full and as LLDP, relays and people shorten it.

Only the full name is ever sent to a switch: with a second spelling of one port, an uplink could be reached by it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bmprov.errors import Invalid

_LEADING_ZERO = re.compile(r"(?<!\d)0\d")
_LONGEST = 80
_PARTS = re.compile(r"([A-Za-z-]+) ?(\d.*)", re.ASCII)


@dataclass(frozen=True)
class PortNames:
    """`full` is the pattern of complete names; `short` has what stands for their beginnings, in lower case."""

    full: re.Pattern[str]
    short: Mapping[str, str]

    def has(self, name: str) -> bool:
        """Whether a port can have this name; `1/01` would be another name of `1/1`."""
        return name.isascii() and self.full.fullmatch(name) is not None and not _LEADING_ZERO.search(name)

    def completed(self, text: str) -> str | None:
        """The full name of a port that something spells so; None when it is none of this kind of switch."""
        if self.has(text):
            return text
        parts = _PARTS.fullmatch(text.strip())
        if parts is None:
            return None
        beginning = self.short.get(parts[1].lower())
        name = f"{beginning}{parts[2]}"
        return name if beginning is not None and self.has(name) else None


def _names(full: str, **short: str) -> PortNames:
    return PortNames(re.compile(full, re.ASCII), short)


PORT_NAMES: Mapping[str, PortNames] = {
    "cisco-ios": _names(
        r"(?:FastEthernet|GigabitEthernet|TwoGigabitEthernet|FiveGigabitEthernet|TenGigabitEthernet|TwentyFiveGigE"
        r"|FortyGigabitEthernet|HundredGigE)\d{1,2}(?:/\d{1,3}){0,2}|Port-channel\d{1,3}",
        fa="FastEthernet",
        gi="GigabitEthernet",
        tw="TwoGigabitEthernet",
        fi="FiveGigabitEthernet",
        te="TenGigabitEthernet",
        twe="TwentyFiveGigE",
        fo="FortyGigabitEthernet",
        hu="HundredGigE",
        po="Port-channel",
    ),
    "cisco-nxos": _names(
        r"Ethernet\d{1,3}(?:/\d{1,3}){1,2}|port-channel\d{1,4}", eth="Ethernet", ethernet="Ethernet", po="port-channel"
    ),
    "arista-eos": _names(
        r"Ethernet\d{1,3}(?:/\d{1,3}){0,2}|Port-Channel\d{1,4}", et="Ethernet", eth="Ethernet", po="Port-Channel"
    ),
    "juniper-junos": _names(r"(?:ge|xe|et|mge)-\d{1,2}/\d{1,2}/\d{1,3}(?::\d)?|ae\d{1,4}"),
    "dell-os10": _names(
        r"ethernet\d{1,2}/\d{1,2}/\d{1,3}(?::\d)?|port-channel\d{1,4}",
        eth="ethernet",
        ethernet="ethernet",
        po="port-channel",
    ),
    "hpe-comware": _names(
        r"(?:GigabitEthernet|Ten-GigabitEthernet|Twenty-FiveGigE|FortyGigE|HundredGigE)\d{1,2}/\d{1,2}/\d{1,3}(?::\d)?"
        r"|Bridge-Aggregation\d{1,4}",
        ge="GigabitEthernet",
        xge="Ten-GigabitEthernet",
        wge="Twenty-FiveGigE",
        fge="FortyGigE",
        hge="HundredGigE",
        bagg="Bridge-Aggregation",
    ),
    "nokia-srlinux": _names(r"ethernet-\d{1,2}/\d{1,3}(?:/\d)?|lag\d{1,3}"),
    "sonic": _names(r"Ethernet\d{1,4}"),
    "cumulus": _names(r"swp\d{1,3}(?:s\d)?|bond\d{1,3}"),
    "linux-bridge": _names(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,14}"),
    "fake": _names(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,39}"),
}
"""By dialect, the scheme of a switch's address."""


def port_names(dialect: str) -> PortNames:
    """The names of a dialect's ports.

    Raises:
        Invalid: there is no such dialect.
    """
    found = PORT_NAMES.get(dialect)
    if found is None:
        raise Invalid(f"no driver speaks '{dialect[:_LONGEST]}' to switches", f"there are {', '.join(PORT_NAMES)}")
    return found


def checked_port(dialect: str, name: str) -> str:
    """The port's name itself.

    Raises:
        Invalid: no port of that dialect has it; it says how it would be written in full, where that is known.
    """
    names = port_names(dialect)
    if names.has(name):
        return name
    longer = names.completed(name)
    hint = f"write {longer}" if longer else f"write it in full, as {names.full.pattern}"
    raise Invalid(f"'{name[:_LONGEST]}' is no port of {dialect}", hint)
