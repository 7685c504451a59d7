"""SONiC as the community builds it: "SONiC Command Line Interface Guide", `config vlan`, `config interface`.

Its configuration is a database, which is read as JSON. Every change counts at once; a VLAN is taken away before the
next is given. The user logs in to a shell and must be allowed `sudo` without a password.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bmprov.switch import PortMode, PortState
from worker.switches.dialect import NATIVE, Dialect, Each, Which

_MEMBERSHIP = (
    Each(Which.STALE, "sudo -n config vlan member del {vlan} {port}"),
    Each(Which.FRESH_UNTAGGED, "sudo -n config vlan member add --untagged {vlan} {port}"),
    Each(Which.FRESH_TAGGED, "sudo -n config vlan member add {vlan} {port}"),
)
_PORT = "sudo -n sonic-db-cli CONFIG_DB"


def parse(port: str, texts: Sequence[str]) -> PortState | None:
    """The port as the tables PORT and VLAN_MEMBER say; an empty table prints nothing."""
    ports, members = (_table(text) for text in texts)
    if port not in ports:
        return None
    vlans = {
        int(key.partition("|")[0].removeprefix("Vlan")): member.get("tagging_mode")
        for key, member in members.items()
        if key.partition("|")[2] == port
    }
    untagged = [vlan for vlan, mode in vlans.items() if mode == "untagged"]
    tagged = frozenset(vlan for vlan, mode in vlans.items() if mode == "tagged")
    mode = PortMode.TRUNK if tagged else PortMode.ACCESS if len(untagged) == 1 else PortMode.ROUTED
    enabled = ports[port].get("admin_status") == "up"
    return PortState(port, enabled, mode, min(untagged, default=None), tagged, ports[port].get("description", ""))


def _table(text: str) -> Mapping[str, Mapping[str, Any]]:
    body = text[text.find("{") : text.rfind("}") + 1]
    table = json.loads(body) if body else {}
    if not isinstance(table, dict):
        raise ValueError("no table")  # noqa: TRY004 - what the switch printed is wrong, not a type of ours
    return table


SONIC = Dialect(
    name="sonic",
    device_type="linux",
    read=("sudo -n sonic-cfggen -d --var-json PORT", "sudo -n sonic-cfggen -d --var-json VLAN_MEMBER"),
    parse=parse,
    missing=re.compile(r'"Ethernet\d+": \{'),  # the table came, without the port
    vlans="sudo -n sonic-cfggen -d --var-json VLAN",
    vlan=re.compile(r'"Vlan(\d+)": \{'),
    create_vlan=("sudo -n config vlan add {vlan}",),
    enter=(),
    leave=(),
    access=_MEMBERSHIP,
    trunk=(*_MEMBERSHIP, NATIVE),
    native=(),
    no_native=(),
    enable=("sudo -n config interface startup {port}",),
    disable=("sudo -n config interface shutdown {port}",),
    describe=(_PORT + " hset 'PORT|{port}' description '{description}'",),
    undescribe=(_PORT + " hdel 'PORT|{port}' description",),
    errors=re.compile(r"^\s*(Error:.*|Usage:.*|Traceback.*|sudo: .*|.*: command not found.*|Aborted!.*)", re.MULTILINE),
    denied=re.compile(r"sudo: a password is required|is not in the sudoers|not allowed to execute"),
    busy=re.compile(r"(?i)config(?:uration)? .*lock(?:ed)? by"),
    save=("sudo -n config save -y",),
)
