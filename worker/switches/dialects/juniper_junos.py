"""Juniper Junos with Enhanced Layer 2 Software (EX, QFX): "Ethernet Switching User Guide", `family ethernet-switching`.

Changes are made in an exclusive session and committed as a whole; a commit is kept over a restart, so there is nothing
to save. Members are set by number and read by number or by the VLAN's name.
"""

import re
from collections.abc import Sequence

from bmprov.switch import PortMode, PortState
from worker.switches.dialect import NATIVE, Dialect, Spans, Which
from worker.switches.reading import carried, listed

_VLAN = re.compile(r"^set vlans (\S+) vlan-id (\d+)", re.MULTILINE)
_FAMILY = "set interfaces {port} unit 0 family ethernet-switching "
_MEMBERS = Spans(Which.ALL, _FAMILY + "vlan members {vlans}", at_most=1)
_AFRESH = ("delete interfaces {port} native-vlan-id", "delete interfaces {port} unit 0 family ethernet-switching")


def parse(port: str, texts: Sequence[str]) -> PortState | None:
    """The port as `show interfaces terse`, its configuration and the switch's VLANs say (those as set commands)."""
    exists, configuration, vlans = (text.replace("\r", "") for text in texts)
    if not re.search(rf"^{re.escape(port)}(?:\.\d+)?\s+(?:up|down)\b", exists, re.MULTILINE):
        return None
    said = [
        line.removeprefix(f"set interfaces {port} ").strip()
        for line in configuration.splitlines()
        if line.startswith(f"set interfaces {port} ")
    ]
    switching = [
        line.partition("family ethernet-switching")[2].strip() for line in said if "ethernet-switching" in line
    ]
    names = dict(_VLAN.findall(vlans))
    members = [word.removeprefix("vlan members ").strip('"') for word in switching if word.startswith("vlan members ")]
    allowed = listed(names.get(member, member) for member in members)
    native = _after("native-vlan-id ", said)
    mode = _mode(switching)
    untagged, tagged = carried(mode, min(allowed, default=1), int(native) if native else None, allowed)
    return PortState(
        port, "disable" not in said, mode, untagged, tagged, (_after("description ", said) or "").strip('"')
    )


def _mode(switching: Sequence[str]) -> PortMode:
    if not switching:
        return PortMode.ROUTED
    match _after("interface-mode ", switching):
        case "trunk":
            return PortMode.TRUNK
        case "access" | None:
            return PortMode.ACCESS
    return PortMode.OTHER


def _after(word: str, lines: Sequence[str]) -> str | None:
    return next((line.removeprefix(word) for line in lines if line.startswith(word)), None)


JUNIPER_JUNOS = Dialect(
    name="juniper-junos",
    device_type="juniper_junos",
    read=(
        "show interfaces terse {port}",
        "show configuration interfaces {port} | display set",
        "show configuration vlans | display set",
    ),
    parse=parse,
    missing=re.compile(r"error: device \S+ not found|error: syntax error"),
    vlans="show configuration vlans | display set",
    vlan=re.compile(r"^set vlans \S+ vlan-id (\d+)", re.MULTILINE),
    create_vlan=("set vlans vlan-{vlan} vlan-id {vlan}",),
    enter=("configure exclusive",),
    leave=("exit configuration-mode",),
    commit="commit",
    committed="commit complete",
    abandon=("rollback 0", "exit configuration-mode"),
    unroute=("delete interfaces {port} unit 0",),
    access=(*_AFRESH, _FAMILY + "interface-mode access", _MEMBERS),
    trunk=(*_AFRESH, _FAMILY + "interface-mode trunk", NATIVE, _MEMBERS),
    native=("set interfaces {port} native-vlan-id {untagged}",),
    no_native=(),
    enable=("delete interfaces {port} disable",),
    disable=("set interfaces {port} disable",),
    describe=('set interfaces {port} description "{description}"',),
    undescribe=("delete interfaces {port} description",),
    errors=re.compile(
        r"^\s*(error:.*|syntax error.*|unknown command.*|missing argument.*|invalid .*|.*commit failed.*)", re.MULTILINE
    ),
    busy=re.compile(r"configuration database (?:locked by|modified)|exclusive lock"),
    save=(),
)
