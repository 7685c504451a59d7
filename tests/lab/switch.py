"""The switch of the lab: a real one, between machines, bmprov's provisioning network and the tenants' routers.

It is a machine with a Linux bridge (`tests/sim_switch/bridge_machine.py`). Its port `provisioning` leads to the lab's
bridge, where bmprov is; `trunk` to the virtual routers of CloudStack's tenants (`trunk.py`); the others to machines.
"""

import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bmprov.deadline import Deadline
from bmprov.switch import PortSetting, SwitchLogin
from tests.contract.switches import in_words
from tests.lab import trunk
from tests.lab.guest import Guest
from tests.lab.lab import Lab
from tests.sim_switch.bridge_machine import HISTORY, bridge_machine
from worker.switches.commands import SshCommands

PROVISIONING, QUARANTINE, TENANTS = 100, 999, (1577, 1578)
UPLINKS = ("provisioning", "trunk")
_FOLDER = "switch"
_UPLINK_TAP = 99
_FIRST_GUEST = 240
_ASK_S = 20
_TRUNK_S = 10


@dataclass(frozen=True)
class LabSwitch:
    """A running switch. Make one with `switched`. `taps` are those of its machines' ports."""

    lab: Lab
    login: SwitchLogin
    taps: Mapping[str, str]

    def shows(self, port: str) -> PortSetting | None:
        """What `bridge vlan show` in the switch itself says that a port carries; None when the port is down."""
        if " state DOWN" in self.run(f"ip link show dev {port}"):
            return None
        native, tagged = in_words(self.run(f"bridge vlan show dev {port}"))
        return PortSetting.trunk(tagged, native) if tagged or native is None else PortSetting.access(native)

    def history(self, port: str) -> list[int]:
        """The VLANs that a port has had as its native one since it was configured first, as the kernel told of them."""
        told = (self.lab.folder.root / _FOLDER / HISTORY).read_text()
        return [int(found[1]) for found in re.finditer(rf"^{port} +(\d+) PVID", told, re.MULTILINE)]

    @contextmanager
    def guest(self, port: str, mac: str) -> Iterator[Guest]:
        """A host on a port, in a machine's stead, while the block lasts."""
        number = _FIRST_GUEST + list(self.taps).index(port)
        with self.lab.net.neighbour(f"{port}-guest", None, f"{port}-cable") as namespace:
            yield Guest.on_a_port(self.lab.net, namespace, mac, number)

    def run(self, *lines: str) -> str:
        """What lines for its shell print, as its administrator."""
        by = Deadline.after(_ASK_S)
        with SshCommands(self.login).open(by) as run:
            answer = run(["sh", "-ec", "\n".join(lines)], by)
        assert answer.status == 0, f"{lines}: {answer.errors}"
        return answer.output


@contextmanager
def switched(lab: Lab, system: Path, ports: int) -> Iterator[LabSwitch]:
    """The switch while the block lasts, with so many ports for machines, all of them in quarantine.

    `system` is what `bridge_machine.build` has made where there was a way to Debian's archives.
    """
    folder = lab.folder.root / _FOLDER
    folder.mkdir()
    cables = {f"port{number}": lab.net.patch(f"port{number}") for number in range(1, ports + 1)}
    taps = {"provisioning": lab.net.tap(_UPLINK_TAP)} | {port: near for port, (_, near) in cables.items()}
    plugs = {port: f"tap,ifname={tap},script=no,downscript=no" for port, tap in taps.items()}
    ends = [str(folder / name) for name in ("trunk.far", "trunk.near")]
    plugs["trunk"] = f"dgram,remote.type=unix,remote.path={ends[0]},local.type=unix,local.path={ends[1]}"
    lab.start("trunk", sys.executable, "-I", "-S", trunk.__file__, *ends, *map(str, TENANTS))
    _wait_for_trunk(lab)
    with bridge_machine(folder, system, plugs) as login:
        made = LabSwitch(lab, login, {port: far for port, (far, _) in cables.items()})
        made.run(*_first_configuration(made.taps))
        yield made


def _first_configuration(ports: Mapping[str, str]) -> Iterator[str]:
    """What the operator of a switch has configured before bmprov comes."""
    access = {"provisioning": PROVISIONING} | dict.fromkeys(ports, QUARANTINE)
    for port, vlan in access.items():
        yield f"bridge vlan add dev {port} vid {vlan} pvid untagged"
    for vlan in TENANTS:
        yield f"bridge vlan add dev trunk vid {vlan}"


def _wait_for_trunk(lab: Lab) -> None:
    log, until = lab.folder.logs / "trunk.log", time.monotonic() + _TRUNK_S
    while "ready" not in log.read_text():
        assert time.monotonic() < until, f"the trunk's end does not start: {log.read_text()}"
        time.sleep(0.01)  # another process
