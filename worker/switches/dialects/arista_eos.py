"""Arista EOS: "EOS User Manual", chapters "VLANs" and "Configuration Sessions".

Everything is done in a configuration session, which is committed as a whole or not at all. One that a killed process
has left behind is aborted first.
"""

import re

from bmprov.switch import PortMode
from bmprov.vlans import EVERY
from worker.switches.dialect import Dialect
from worker.switches.dialects.cisco_ios import TRUNK, VLAN_ROW
from worker.switches.reading import ConfigReading

ARISTA_EOS = Dialect(
    name="arista-eos",
    device_type="arista_eos",
    read=("show running-config interfaces {port}",),
    parse=ConfigReading(
        header=r"^interface {port}\s*$",
        mode=r"^   switchport mode (\S+)",
        default_mode=PortMode.ACCESS,
        access=r"^   switchport access vlan (\d+)",
        native=r"^   switchport trunk native vlan (\d+)",
        allowed=r"^   switchport trunk allowed vlan (?:add )?(\S+)",
        default_allowed=EVERY,
    ),
    missing=re.compile(r"% ?Invalid|% ?Interface does not exist|% ?Incomplete"),
    vlans="show vlan brief",
    vlan=VLAN_ROW,
    create_vlan=("vlan {vlan}", "exit"),
    enter=("configure session bmprov", "abort", "configure session bmprov"),
    leave=(),
    commit="commit",
    abandon=("abort",),
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
    errors=re.compile(r"^\s*(%\s.*|! .*(?:cannot|not allowed|exceed).*)", re.MULTILINE),
    save=("write memory",),
    needs_enable=True,
)
