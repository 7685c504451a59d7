"""Dell SmartFabric OS10: "OS10 Enterprise Edition User Guide", chapters "Interfaces" and "VLAN".

The native VLAN of a trunk is its access VLAN, and there always is one. `switchport trunk allowed vlan` adds; what is
not wanted any more is taken away first.
"""

import re

from bmprov.switch import PortMode
from worker.switches.dialect import NATIVE, Dialect, Spans, Which
from worker.switches.reading import ConfigReading

DELL_OS10 = Dialect(
    name="dell-os10",
    device_type="dell_os10",
    read=("show running-configuration interface {port}",),
    parse=ConfigReading(
        header=r"^interface {port}\s*$",
        mode=r"^ switchport mode (\S+)",
        default_mode=PortMode.ACCESS,
        access=r"^ switchport access vlan (\d+)",
        native=r"^ switchport access vlan (\d+)",
        native_is_allowed=True,
        allowed=r"^ switchport trunk allowed vlan (\S+)",
        default_allowed=frozenset(),
    ),
    missing=re.compile(r"(?i)% ?error|% ?invalid|% ?no such interface"),
    vlans="show vlan",
    vlan=re.compile(r"^[*@MRPCI]*\s*(\d{1,4})\s+(?:Active|Inactive)", re.MULTILINE),
    create_vlan=("interface vlan {vlan}", "exit"),
    enter=("configure terminal",),
    leave=("end",),
    select=("interface {port}",),
    unselect=("exit",),
    unroute=("switchport mode access",),
    access=(
        Spans(Which.STALE_TAGGED, "no switchport trunk allowed vlan {vlans}"),
        "switchport mode access",
        "switchport access vlan {untagged}",
    ),
    trunk=(
        "switchport mode trunk",
        Spans(Which.STALE_TAGGED, "no switchport trunk allowed vlan {vlans}"),
        NATIVE,
        Spans(Which.FRESH_TAGGED, "switchport trunk allowed vlan {vlans}"),
    ),
    native=("switchport access vlan {untagged}",),
    no_native=(),
    needs_native=True,
    enable=("no shutdown",),
    disable=("shutdown",),
    describe=('description "{description}"',),
    undescribe=("no description",),
    errors=re.compile(
        r"^\s*(%\s?(?:Error|Invalid|Incomplete|Ambiguous|Unrecognized|Warning: .*not).*)", re.MULTILINE | re.IGNORECASE
    ),
    busy=re.compile(r"(?i)\block(?:ed)? by\b|configuration is locked"),
    save=("write memory",),
)
