"""What a port's configuration says, found by small regular expressions in the lines that a switch prints of it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bmprov.switch import PortMode, PortState
from bmprov.vlans import EVERY, FIRST, LAST

_RANGE = re.compile(r"(\d+)(?:\s*(?:-|to)\s*(\d+))?")


def listed(texts: Iterable[str], *, none: str = "none", every: str = "all") -> frozenset[int]:
    """The VLANs in lists such as `1,10-20` or `1 10 to 20`, and in the vendor's words for none and for all."""
    vlans = set[int]()
    for text in texts:
        if text.strip().lower() == every:
            return EVERY
        if text.strip().lower() != none:
            vlans.update(
                vlan for found in _RANGE.finditer(text) for vlan in range(int(found[1]), int(found[2] or found[1]) + 1)
            )
    return frozenset(vlan for vlan in vlans if FIRST <= vlan <= LAST)


def carried(
    mode: PortMode, access: int, native: int | None, allowed: frozenset[int]
) -> tuple[int | None, frozenset[int]]:
    """The VLAN without a tag and those with one, of a port in this mode."""
    if mode is PortMode.ACCESS:
        return access, frozenset()
    if mode is not PortMode.TRUNK:
        return None, frozenset()
    untagged = native if native in allowed else None
    return untagged, allowed - {untagged}


@dataclass(frozen=True)
class ConfigReading:
    """Reads the block of a port in a configuration of the kind that Cisco began: one statement a line.

    Each field is a regular expression whose group is the value; what it does not find is the vendor's default. `header`
    has `{port}` in it. `disabled` and `routed` need only be there.

    `native_is_allowed`: a trunk carries its native VLAN whatever else is allowed (Dell). `added_to_default`: what is
    allowed is so beside the default, unless this is found, which takes that away (Comware).
    """

    header: str
    mode: str
    default_mode: PortMode
    access: str
    native: str
    allowed: str
    default_allowed: frozenset[int]
    native_is_allowed: bool = False
    added_to_default: str = ""
    disabled: str = r"^\s*shutdown\s*$"
    routed: str = r"^\s*no switchport\s*$"
    description: str = r'^\s*description "?(.*?)"?\s*$'

    def __call__(self, port: str, texts: Sequence[str]) -> PortState | None:
        """The port as the first text says."""
        text = texts[0].replace("\r", "")
        header = re.search(self.header.replace("{port}", re.escape(port)), text, re.MULTILINE)
        if not header:
            return None
        block = text[header.end() :]
        described, mode = self._first(self.description, block) or "", self._mode(block)
        access, native = (int(self._first(pattern, block) or FIRST) for pattern in (self.access, self.native))
        allowed = self._allowed(block) | (frozenset({native}) if self.native_is_allowed else frozenset())
        untagged, tagged = carried(mode, access, native, allowed)
        enabled = not re.search(self.disabled, block, re.MULTILINE)
        return PortState(port, enabled, mode, untagged, tagged, described)

    def _allowed(self, block: str) -> frozenset[int]:
        found = listed(re.findall(self.allowed, block, re.MULTILINE))
        if self.added_to_default:
            return found if re.search(self.added_to_default, block, re.MULTILINE) else found | self.default_allowed
        return found if re.search(self.allowed, block, re.MULTILINE) else self.default_allowed

    def _mode(self, block: str) -> PortMode:
        if re.search(self.routed, block, re.MULTILINE):
            return PortMode.ROUTED
        match self._first(self.mode, block):
            case None:
                return self.default_mode
            case "access":
                return PortMode.ACCESS
            case "trunk":
                return PortMode.TRUNK
        return PortMode.OTHER

    @staticmethod
    def _first(pattern: str, block: str) -> str | None:
        found = re.search(pattern, block, re.MULTILINE)
        return str(found[1]) if found else None
