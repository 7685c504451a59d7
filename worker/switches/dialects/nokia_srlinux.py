"""Nokia SR Linux: "Interfaces Guide" (VLAN tagging, bridged subinterfaces) and "VPN Services Guide" (MAC-VRF).

SR Linux has no VLANs of its own. Here VLAN N is the network instance `vlan-N` of the type mac-vrf, and a port carries
it by the bridged subinterface N, `untagged` or `single-tagged`. Whoever runs the fabric by another scheme changes the
templates. Changes are made in an exclusive candidate and committed as a whole.
"""

import re
from collections.abc import Sequence

from bmprov.switch import PortMode, PortState
from worker.switches.dialect import NATIVE, Dialect, Each, Which

_MEMBER = r"^set / network-instance vlan-(\d+) interface {port}\.(\d+)"
_ENCAP = r"^set / interface {port} subinterface (\d+) vlan encap (?:untagged|single-tagged vlan-id (\d+))"
_INTO_VLAN = (
    Each(Which.STALE, "delete / network-instance vlan-{vlan} interface {port}.{vlan}"),
    Each(Which.STALE, "delete / interface {port} subinterface {vlan}"),
    "set / interface {port} vlan-tagging true",
    Each(Which.FRESH_UNTAGGED, "set / interface {port} subinterface {vlan} type bridged"),
    Each(Which.FRESH_UNTAGGED, "set / interface {port} subinterface {vlan} vlan encap untagged"),
    Each(Which.FRESH_UNTAGGED, "set / network-instance vlan-{vlan} interface {port}.{vlan}"),
    Each(Which.FRESH_TAGGED, "set / interface {port} subinterface {vlan} type bridged"),
    Each(Which.FRESH_TAGGED, "set / interface {port} subinterface {vlan} vlan encap single-tagged vlan-id {vlan}"),
    Each(Which.FRESH_TAGGED, "set / network-instance vlan-{vlan} interface {port}.{vlan}"),
)


def parse(port: str, texts: Sequence[str]) -> PortState | None:
    """The port as its state, its running configuration and the network instances say, in `info flat`."""
    exists, running, instances = (text.replace("\r", "") for text in texts)
    name = re.escape(port)
    enabled = re.search(rf"^set / interface {name} admin-state (\S+)", exists, re.MULTILINE)
    if not enabled:
        return None
    member = re.compile(_MEMBER.replace("{port}", name), re.MULTILINE)
    members = {int(index): int(vlan) for vlan, index in member.findall(instances)}
    found = re.findall(_ENCAP.replace("{port}", name), running, re.MULTILINE)
    untagged = [members[int(index)] for index, tag in found if not tag and int(index) in members]
    tagged = frozenset(int(tag) for index, tag in found if tag and members.get(int(index)) == int(tag))
    described = re.search(rf'^set / interface {name} description "?(.*?)"?\s*$', running, re.MULTILINE)
    mode = PortMode.TRUNK if tagged else PortMode.ACCESS if len(untagged) == 1 else PortMode.OTHER
    return PortState(
        port,
        enabled[1] == "enable",
        mode,
        untagged[0] if untagged else None,
        tagged,
        described[1] if described else "",
    )


NOKIA_SRLINUX = Dialect(
    name="nokia-srlinux",
    device_type="nokia_srl",
    read=(
        "info flat from state / interface {port} admin-state",
        "info flat from running / interface {port}",
        "info flat from running / network-instance *",
    ),
    parse=parse,
    missing=re.compile(r"(?i)parsing error|not match any existing|does not exist|unknown token"),
    vlans="info flat from running / network-instance *",
    vlan=re.compile(r"^set / network-instance vlan-(\d+) type (?:\S+:)?mac-vrf", re.MULTILINE),
    create_vlan=(
        "set / network-instance vlan-{vlan} type mac-vrf",
        "set / network-instance vlan-{vlan} admin-state enable",
    ),
    enter=("enter candidate exclusive",),
    leave=("enter running",),
    commit="commit stay",
    committed="committed",
    abandon=("discard stay", "enter running"),
    access=_INTO_VLAN,
    trunk=(*_INTO_VLAN, NATIVE),
    native=(),
    no_native=(),
    enable=("set / interface {port} admin-state enable",),
    disable=("set / interface {port} admin-state disable",),
    describe=('set / interface {port} description "{description}"',),
    undescribe=("delete / interface {port} description",),
    errors=re.compile(r"^\s*((?:Parsing )?[Ee]rror:.*|.*\bError: .*)", re.MULTILINE),
    busy=re.compile(r"(?i)candidate .*(?:locked|in use)|exclusive .*already|locked by"),
    save=("save startup",),
)
