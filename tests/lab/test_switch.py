"""The lab's own switch: what the VLAN of a port means to who is plugged in there."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from bmprov.switch import Change, PortSetting
from tests.lab import network, router
from tests.lab.frames import heard
from tests.lab.lab import lab
from tests.lab.qemu import Firmware
from tests.lab.switch import PROVISIONING, QUARANTINE, TENANTS, LabSwitch, switched
from worker.switches.commands import SshCommands
from worker.switches.linux_bridge import LinuxBridgeSwitch
from worker.switches.switch_lock import LocalSwitchLock

OTHER_MAC = "02:00:4c:9f:00:02"
BMPROV = {"bmprov", "HTTP", "TFTP", f"DHCP of {network.ADDRESS.ip}"}
HOME = {"router", f"DHCP of {router.ADDRESS.ip}"}


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_port_reaches_its_vlan_and_nothing_else(bridge_system: Path, tmp_path: Path) -> None:
    """On its tenant's VLAN a machine has its router; on the provisioning VLAN bmprov; and never both, nor others."""
    with lab(tmp_path / "lab") as running, switched(running, bridge_system, 2) as switch:
        machine = running.machine("m1", Firmware.BIOS, taps=[switch.taps["port1"]])
        addresses = {machine.macs[0]: "192.0.2.11", OTHER_MAC: "192.0.2.12"}
        with (
            running.router(addresses, TENANTS[0]),
            running.router(addresses, TENANTS[1]),
            switch.guest("port1", machine.macs[0]) as first,
            switch.guest("port2", OTHER_MAC) as second,
            heard(network.BRIDGE, first.mac) as frames,
        ):
            order(switch, {"port2": TENANTS[1]})
            assert first.reaches(second) == set(), "a port in quarantine leads somewhere"
            order(switch, {"port1": TENANTS[0]})
            assert first.reaches(second) == HOME
            for tags in ((PROVISIONING,), (TENANTS[0], PROVISIONING)):
                first.hops(*tags)
            order(switch, {"port1": TENANTS[1]})
            assert first.reaches(second) == HOME | {second.mac}
            assert frames() == 0, "a tenant's frames are on the provisioning network"
            order(switch, {"port1": PROVISIONING})
            assert first.reaches(second) == BMPROV
            assert frames() > 0
            assert second.reaches(first) == HOME
        assert switch.history("port1") == [QUARANTINE, *TENANTS, PROVISIONING]
    assert "'strays': 0" in (running.folder.logs / "trunk.log").read_text()


def order(switch: LabSwitch, vlans: Mapping[str, int]) -> None:
    """Have bmprov's driver put ports into VLANs; the switch itself shows that they are."""
    driver = LinuxBridgeSwitch(switch.login.address, "br0", SshCommands(switch.login), LocalSwitchLock())
    wanted = {port: PortSetting.access(vlan) for port, vlan in vlans.items()}
    driver.apply([Change(port, setting, enabled=True) for port, setting in wanted.items()], Deadline.after(20))
    assert {port: switch.shows(port) for port in vlans} == wanted
