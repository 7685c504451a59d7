"""What a real LLDP daemon says on a link, as the ramdisk hears it and as cabling understands it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bmprov.cabling import Heard, KnownSwitches, ManagedSwitch, Neighbour, settle
from tests import debian

BRIDGE = ManagedSwitch(
    id="s-1",
    name="leaf-1",
    address="linux-bridge:///br0",
    user="",
    sealed_password=b"",
    sealed_enable=b"",
    provisioning_vlan=10,
    quarantine_vlan=4000,
)
CHASSIS = "00:1c:73:00:00:01"
HEAR = """
import json, time
from images.ramdisk.agent.lldp import Neighbours
neighbours = Neighbours()
neighbours.start()
until = time.monotonic() + 30
while not neighbours.found and time.monotonic() < until:
    time.sleep(0.05)
print(json.dumps(neighbours.found))
"""
LINK = """
ip link add swp7 address {chassis} type veth peer name eth0 && ip link set swp7 up && ip link set eth0 up || exit 1
"{lldpd}" -d -u "{folder}/socket" -I swp7 -O "{folder}/conf" 2>"{folder}/log" &
"{python}" -c '{hear}'
kill $!
wait
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Open to the user that lldpd becomes, which pytest's own folders are not."""
    with TemporaryDirectory() as made:
        path = Path(made)
        path.chmod(0o755)
        yield path


def heard(folder: Path, *configuration: str) -> dict[str, str]:
    """What the ramdisk hears of a switch whose daemon is configured so."""
    (folder / "conf").write_text("".join(f"configure {line}\n" for line in configuration))
    lldpd = debian.program("lldpd", "lldpd")
    script = LINK.format(chassis=CHASSIS, lldpd=lldpd, folder=folder, python=sys.executable, hear=HEAR)
    command = [*debian.own_network(), "sh", "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, dict[str, str]] = json.loads(ended.stdout)
    assert found, (folder / "log").read_text()
    return found["eth0"]


@pytest.mark.skipif(os.geteuid() != 0, reason="lldpd gives up its privileges, which only root can")
@pytest.mark.parametrize(
    ("more", "port", "description"),
    [
        ((), CHASSIS, "swp7"),
        (("lldp portidsubtype ifname",), "swp7", "swp7"),
        (("lldp portidsubtype local swp7", "ports swp7 lldp portdescription rack1-07"), "swp7", "rack1-07"),
    ],
)
def test_a_real_daemon_is_heard(folder: Path, more: tuple[str, ...], port: str, description: str) -> None:
    """By default lldpd sends a MAC as the port, and its name as the description; the port is found in each case."""
    told = heard(folder, "system hostname leaf-1.example.org", "lldp tx-interval 1", *more)
    assert told["system"] == "leaf-1.example.org"
    assert (told["chassis"], told["port"], told["description"]) == (CHASSIS, port, description)
    place = settle(
        "52:54:00:00:00:01", Heard(neighbour=Neighbour("52:54:00:00:00:01", **told)), KnownSwitches([BRIDGE])
    )
    assert str(place.place) == "leaf-1 swp7"
