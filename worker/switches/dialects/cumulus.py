"""NVIDIA Cumulus Linux 5 with NVUE: "Cumulus Linux User Guide", chapters "NVUE CLI" and "VLAN-aware Bridge Mode".

Ports belong to the bridge `br_default`. Changes are made in a revision that is applied as a whole; `nv config detach`
drops one that is not applied. The user must belong to the group `nvset`, or `nvapply`.
"""

import re
from collections.abc import Sequence

from bmprov.switch import PortMode, PortState
from bmprov.vlans import EVERY
from worker.switches.dialect import NATIVE, Dialect, Spans, Which
from worker.switches.reading import carried, listed

_BRIDGE = "bridge domain br_default"
_SET = re.compile(r"^nv set interface (\S+) (.*?)\s*$", re.MULTILINE)
_NAME = re.compile(r"(?P<stem>[a-z]+(?:\d+s)?)(?P<first>\d+)(?:-(?P<last>\d+))?")


def parse(port: str, texts: Sequence[str]) -> PortState | None:
    """The port as `nv show` and the configuration, as commands, say."""
    exists, configuration = (text.replace("\r", "") for text in texts)
    if "{" not in exists:
        return None
    said = [words for names, words in _SET.findall(configuration) if port in named(names)]
    bridged = [words.removeprefix(_BRIDGE).strip() for words in said if words.startswith(_BRIDGE)]
    access, native = (_after(word, bridged) for word in ("access ", "untagged "))
    allowed = listed((words.removeprefix("vlan ") for words in bridged if words.startswith("vlan ")), every="all")
    mode = PortMode.ROUTED if not bridged else PortMode.ACCESS if access else PortMode.TRUNK
    untagged_vlan = None if native == "none" else int(native or 1)
    allowed = (allowed or EVERY) | ({untagged_vlan} if untagged_vlan else frozenset())
    untagged, tagged = carried(mode, int(access or 1), untagged_vlan, allowed)
    description = (_after("description ", said) or "").strip("\"'")
    return PortState(port, "link state down" not in said, mode, untagged, tagged, description)


def named(names: str) -> frozenset[str]:
    """The interfaces in a list such as `swp1-3,swp5s0`."""
    return frozenset(
        f"{found['stem']}{number}"
        for found in _NAME.finditer(names)
        for number in range(int(found["first"]), int(found["last"] or found["first"]) + 1)
    )


def _after(word: str, lines: Sequence[str]) -> str | None:
    return next((line.removeprefix(word) for line in lines if line.startswith(word)), None)


CUMULUS = Dialect(
    name="cumulus",
    device_type="linux",
    read=("nv show interface {port} link -o json", "nv config show -o commands"),
    parse=parse,
    missing=re.compile(r"(?i)the requested item does not exist|not a valid"),
    vlans="nv config show -o commands",
    vlan=re.compile(r"^nv set bridge domain br_default vlan ([\d,-]+)\s*$", re.MULTILINE),
    create_vlan=("nv set bridge domain br_default vlan {vlan}",),
    enter=(),
    leave=(),
    commit="nv config apply -y",
    committed="applied",
    abandon=("nv config detach",),
    access=(f"nv unset interface {{port}} {_BRIDGE}", f"nv set interface {{port}} {_BRIDGE} access {{untagged}}"),
    trunk=(
        f"nv unset interface {{port}} {_BRIDGE}",
        NATIVE,
        Spans(Which.ALL, f"nv set interface {{port}} {_BRIDGE} vlan {{vlans}}"),
    ),
    native=(f"nv set interface {{port}} {_BRIDGE} untagged {{untagged}}",),
    no_native=(f"nv set interface {{port}} {_BRIDGE} untagged none",),
    enable=("nv set interface {port} link state up",),
    disable=("nv set interface {port} link state down",),
    describe=('nv set interface {port} description "{description}"',),
    undescribe=("nv unset interface {port} description",),
    errors=re.compile(
        r"^\s*(Error:.*|Invalid .*|usage:.*|.*: command not found.*|.*\b(?:Failed|failed)\b.*)", re.MULTILINE
    ),
    denied=re.compile(r"(?i)permission denied|not authorized|403 forbidden"),
    busy=re.compile(r"(?i)another (?:apply|revision|user)|currently being applied|locked by"),
    save=("nv config save",),
)
