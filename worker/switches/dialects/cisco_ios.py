"""Cisco IOS and IOS XE (Catalyst): "Layer 2 Configuration Guide", interface configuration commands `switchport ...`.

A trunk always has a native VLAN there, 1 unless told; where 1 is not allowed, frames without a tag are dropped. A port
whose mode was never set is `dynamic auto`, which reads as `other`. Old Catalysts that want `switchport trunk
encapsulation dot1q` first refuse `switchport mode trunk` in words; set that once by hand.
"""

import re

from bmprov.switch import PortMode
from bmprov.vlans import EVERY
from worker.switches.dialect import NATIVE, Dialect, Spans, Which
from worker.switches.reading import ConfigReading

ERRORS = re.compile(r"^\s*(%(?! Access VLAN does not exist\. Creating)\s.*|Command rejected.*|ERROR:.*)", re.MULTILINE)
VLAN_ROW = re.compile(r"^(\d{1,4})\*?\s+\S", re.MULTILINE)
TRUNK = (
    Spans(Which.ALL, "switchport trunk allowed vlan {vlans}", "switchport trunk allowed vlan add {vlans}"),
    NATIVE,
    "switchport mode trunk",
)

CISCO_IOS = Dialect(
    name="cisco-ios",
    device_type="cisco_ios",
    read=("show running-config interface {port}",),
    parse=ConfigReading(
        header=r"^interface {port}\s*$",
        mode=r"^ switchport mode (\S+)",
        default_mode=PortMode.OTHER,
        access=r"^ switchport access vlan (\d+)",
        native=r"^ switchport trunk native vlan (\d+)",
        allowed=r"^ switchport trunk allowed vlan (?:add )?(\S+)",
        default_allowed=EVERY,
    ),
    missing=re.compile(r"% ?Invalid input"),
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
    errors=ERRORS,
    save=("write memory",),
    needs_enable=True,
)
