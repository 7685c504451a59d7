"""What switches print of a port and of their VLANs, in `samples`: our own texts in the shape of vendors' documentation.

A file has one answer after another, each below the line that asks for it.
"""

import re
from pathlib import Path

import pytest

from bmprov.switch import PortMode, PortState
from worker.switches.dialects import DIALECTS
from worker.switches.reading import listed

SAMPLES = Path(__file__).parent / "samples"
ACCESS, TRUNK, ROUTED, OTHER = PortMode.ACCESS, PortMode.TRUNK, PortMode.ROUTED, PortMode.OTHER


def state(
    name: str, mode: PortMode, untagged: int | None, tagged: str = "", description: str = "", *, enabled: bool = True
) -> PortState:
    return PortState(name, enabled, mode, untagged, listed([tagged]), description)


PORTS = {
    "cisco-ios/trunk-with-add": state(
        "TenGigabitEthernet1/1/4",
        TRUNK,
        99,
        "101,103,105,107,109,111,113,115,117,119,121,200-220,1577",
        "esx14 vmnic2",
    ),
    "cisco-ios/voice-access": state("GigabitEthernet1/0/12", ACCESS, 110, enabled=False),
    "cisco-ios/never-configured": state("GigabitEthernet1/0/13", OTHER, None),
    "cisco-ios/routed": state("GigabitEthernet1/0/48", ROUTED, None),
    "cisco-nxos/trunk-all": state("Ethernet1/7", TRUNK, None, "100-199,1577", "leaf uplink of rack 7"),
    "cisco-nxos/routed-all": state("Ethernet1/49", ROUTED, None, enabled=False),
    "arista-eos/trunk": state("Ethernet12/1", TRUNK, 100, "101-110,1577", "rack1-07 eth0"),
    "arista-eos/default": state("Ethernet3", ACCESS, 1),
    "arista-eos/tunnel": state("Ethernet4", OTHER, None, enabled=False),
    "juniper-junos/trunk": state("xe-0/0/7", TRUNK, 99, "1577,200-203", "rack1-07 eth0"),
    "juniper-junos/access-by-name": state("ge-0/0/3", ACCESS, 1577, enabled=False),
    "juniper-junos/nothing": state("xe-0/0/40", ROUTED, None),
    "dell-os10/trunk": state("ethernet1/1/7", TRUNK, 99, "100-110,1577", "rack1-07 eth0"),
    "dell-os10/access": state("ethernet1/1/8:1", ACCESS, 1, enabled=False),
    "hpe-comware/trunk": state("Ten-GigabitEthernet1/0/7", TRUNK, 99, "100-101,103,105,200-210,1577", "rack1-07 eth0"),
    "hpe-comware/trunk-default": state("GigabitEthernet1/0/9", TRUNK, 1, "100", enabled=False),
    "hpe-comware/hybrid": state("GigabitEthernet1/0/10", OTHER, None),
    "nokia-srlinux/trunk": state("ethernet-1/7", TRUNK, 99, "100", "rack1-07 eth0"),
    "nokia-srlinux/disabled": state("ethernet-1/8", OTHER, None, enabled=False),
    "sonic/trunk": state("Ethernet0", TRUNK, 99, "1577", "rack1-07 eth0"),
    "sonic/no-member": state("Ethernet8", ROUTED, None, enabled=False),
    "cumulus/trunk-in-a-range": state("swp7", TRUNK, 99, "100-110", "rack1-07 eth0"),
}

VLANS = {
    "cisco-ios/vlans": {1, 110, 1002, 1577},
    "cisco-nxos/vlans": {1, 100, 3968},
    "arista-eos/vlans": {1, 100, 1006},
    "juniper-junos/trunk": {1, 99, 1577},
    "dell-os10/vlans": {1, 100, 1577},
    "hpe-comware/vlans": {1, 100, 1577},
    "nokia-srlinux/trunk": {99, 100},
    "nokia-srlinux/disabled": {99},
    "sonic/vlans": {99, 1000},
    "cumulus/vlans": {1, 99, 100, 101, 1577},
}


def answers(name: str) -> dict[str, str]:
    """The answers in a file, by the line that asks."""
    parts = re.split(r"^### (.*)\n", (SAMPLES / f"{name}.txt").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", PORTS)
def test_a_port_is_read(name: str) -> None:
    """The state is what a person who knows the vendor reads; line ends of terminals do not matter."""
    dialect, said = DIALECTS[name.partition("/")[0]], answers(name)
    texts = [said[line] for line in dialect.read]
    assert dialect.parse(PORTS[name].name, texts) == PORTS[name]
    assert dialect.parse(PORTS[name].name, [text.replace("\n", "\r\n") for text in texts]) == PORTS[name]


@pytest.mark.parametrize("name", PORTS)
def test_another_port_is_not_found_there(name: str) -> None:
    """The text of one port is never taken for another's, not even for one whose name begins so."""
    dialect, said = DIALECTS[name.partition("/")[0]], answers(name)
    found = dialect.parse(f"{PORTS[name].name}7", [said[line] for line in dialect.read])
    assert found is None or (dialect.name == "cumulus" and found.mode is ROUTED)  # there another answer tells


@pytest.mark.parametrize("name", VLANS)
def test_vlans_are_read(name: str) -> None:
    """All of them, suspended and inactive ones too, and nothing else in the table."""
    dialect = DIALECTS[name.partition("/")[0]]
    assert listed(dialect.vlan.findall(answers(name)[dialect.vlans])) == VLANS[name]


def test_every_dialect_has_samples() -> None:
    """A dialect without recorded answers is not tested enough, and a sample that nobody reads is litter."""
    files = {str(path.relative_to(SAMPLES).with_suffix("")) for path in SAMPLES.glob("*/*.txt")}
    assert files == {*PORTS, *VLANS}
    assert {name.partition("/")[0] for name in PORTS} == set(DIALECTS)
