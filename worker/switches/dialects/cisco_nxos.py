"""Cisco NX-OS (Nexus): "Interfaces Configuration Guide" and "Layer 2 Switching Configuration Guide".

Whether a port is routed by default differs between models and can be configured, so it is read with `all`, which
prints what other listings leave out.
"""

import re

from bmprov.switch import PortMode
from bmprov.vlans import EVERY
from worker.switches.dialect import Dialect
from worker.switches.dialects.cisco_ios import TRUNK, VLAN_ROW
from worker.switches.reading import ConfigReading

CISCO_NXOS = Dialect(
    name="cisco-nxos",
    device_type="cisco_nxos",
    read=("show running-config interface {port} all",),
    parse=ConfigReading(
        header=r"^interface {port}\s*$",
        mode=r"^  switchport mode (\S+)",
        default_mode=PortMode.ACCESS,
        access=r"^  switchport access vlan (\d+)",
        native=r"^  switchport trunk native vlan (\d+)",
        allowed=r"^  switchport trunk allowed vlan (?:add )?(\S+)",
        default_allowed=EVERY,
    ),
    missing=re.compile(r"(?i)% ?invalid|invalid interface|invalid range"),
    vlans="show vlan brief",
    vlan=VLAN_ROW,
    create_vlan=("vlan {vlan}", "exit"),
    enter=("configure terminal",),
    leave=("end",),
    select=("interface {port}",),
    unselect=("exit",),
    unroute=("switchport",),
    access=("switchport access vlan {untagged}", "switchport mode access"),
    trunk=TRUNK,
    native=("switchport trunk native vlan {untagged}",),
    no_native=("no switchport trunk native vlan",),
    default_native=1,
    enable=("no shutdown",),
    disable=("shutdown",),
    describe=("description {description}",),
    undescribe=("no description",),
    errors=re.compile(r"^\s*(%\s.*|ERROR:.*|Invalid .*|VLAN .* (?:invalid|reserved).*)", re.MULTILINE),
    save=("copy running-config startup-config",),
)
