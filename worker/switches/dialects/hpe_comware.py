"""HPE FlexFabric and H3C Comware 7: "Layer 2-LAN Switching Configuration Guide", chapter "VLAN".

A port that changes its link type falls back to VLAN 1 in between, so it is shut down for that moment. At most ten
ranges fit into `port trunk permit vlan`.
"""

import re

from bmprov.switch import PortMode
from worker.switches.dialect import NATIVE, Dialect, Spans, Which
from worker.switches.reading import ConfigReading

HPE_COMWARE = Dialect(
    name="hpe-comware",
    device_type="hp_comware",
    read=("display current-configuration interface {port}",),
    parse=ConfigReading(
        header=r"^interface {port}\s*$",
        mode=r"^ port link-type (\S+)",
        default_mode=PortMode.ACCESS,
        access=r"^ port access vlan (\d+)",
        native=r"^ port trunk pvid vlan (\d+)",
        allowed=r"^ port trunk permit vlan ([\d to]+|all)",
        default_allowed=frozenset({1}),
        added_to_default=r"^ undo port trunk permit vlan 1\s*$",
        disabled=r"^ shutdown\s*$",
        routed=r"^ port link-mode route\s*$",
        description=r"^ description (.*?)\s*$",
    ),
    missing=re.compile(r"% ?(?:Wrong parameter|Unrecognized|Too many|Incomplete)"),
    vlans="display vlan brief",
    vlan=re.compile(r"^(\d{1,4})\s+\S", re.MULTILINE),
    create_vlan=("vlan {vlan}", "quit"),
    enter=("system-view",),
    leave=("return",),
    select=("interface {port}",),
    unselect=("quit",),
    unroute=("port link-mode bridge",),
    access=("port link-type access", "port access vlan {untagged}"),
    trunk=(
        "port link-type trunk",
        "undo port trunk permit vlan all",
        NATIVE,
        Spans(Which.ALL, "port trunk permit vlan {vlans}", between=" ", to=" to "),
    ),
    native=("port trunk pvid vlan {untagged}",),
    no_native=("undo port trunk pvid",),
    default_native=1,
    flaps=True,
    enable=("undo shutdown",),
    disable=("shutdown",),
    describe=("description {description}",),
    undescribe=("undo description",),
    errors=re.compile(r"^\s*(% \S.*|Error:.*|.*[Tt]he specified VLAN does not exist.*)", re.MULTILINE),
    save=("save force",),
)
