"""CloudStack's instances on their tenants' VLANs, where its virtual routers give them their addresses."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from bmprov.power import PowerAction
from bmprov.switch import PortSetting
from tests.lab import network
from tests.lab.frames import heard
from tests.lab.instance import Instance
from tests.lab.lab import Lab, lab
from tests.lab.managed import checked, manage
from tests.lab.qemu import Firmware
from tests.lab.router import ADDRESS, Home
from tests.lab.shell import USER_DATA, shell
from tests.lab.switch import PROVISIONING, QUARANTINE, TENANTS, LabSwitch, switched
from tests.lab.timeline import printed

CALLED = "ramdisk call=/ramdisk/v1/inventory"
BOOT_S = 200
PORTS = {"m1": "port1", "m2": "port2"}


@pytest.mark.timeout(500)
def test_a_port_follows_its_machines_life(ramdisk: Path, tiny_image: Path, bridge_system: Path, tmp_path: Path) -> None:
    """Provisioning, then its tenant's VLAN with the address that CloudStack issued, then none; both kinds of MAC."""
    with lab(tmp_path / "lab") as running, switched(running, bridge_system, 2) as switch:
        shutil.copytree(ramdisk, running.ramdisk)
        running.add_image("tiny", tiny_image)
        machines = [
            running.machine(name, Firmware.BIOS, disks_mib=[256], taps=[switch.taps[port]])
            for name, port in PORTS.items()
        ]
        manage(switch, PORTS)
        asking = ({}, {"mac": "impose", "addresses": "dhcp"})
        adopts, imposes = instances = [
            running.instance(number, "tiny", name, vlan=vlan, asking=more, user_data=USER_DATA)
            for number, (name, vlan, more) in enumerate(zip(PORTS, TENANTS, asking, strict=True), 1)
        ]
        assert list(adopts.addresses) == machines[0].macs
        assert list(imposes.addresses) != machines[1].macs
        with (
            running.router(adopts.addresses, TENANTS[0]) as home,
            running.router(imposes.addresses, TENANTS[1]) as other_home,
            ThreadPoolExecutor(4) as pool,
        ):
            created = [pool.submit(one.create) for one in instances]
            assert set(pool.map(partial(shown_at_work, running, switch), PORTS)) == {PortSetting.access(PROVISIONING)}
            for result in created:
                assert result.result().succeeded, result.result().told
            assert [switch.shows(port) for port in PORTS.values()] == [PortSetting.access(vlan) for vlan in TENANTS]
            with heard(network.BRIDGE, *(machine.macs[0] for machine in machines), *imposes.addresses) as frames:
                for one, its_home in zip(instances, (home, other_home), strict=True):
                    called = its_home.wait(one.name, BOOT_S)
                    assert (called["address"], called["mac"]) == (one.address, next(iter(one.addresses)))
                assert reached(other_home, imposes, adopts) == {str(ADDRESS.ip)}
                assert reached(home, adopts, imposes) == {str(ADDRESS.ip)}
                assert frames() == 0, "a tenant's frames are on the provisioning network"
            for name in PORTS:
                (row,) = checked(running, name)
                assert (row["verdict"], row["finding"]) == ("good", "as it should be")
                assert {fact.partition(":")[0] for fact in row["known_from"].split("; ")} == {"hand", "lldp"}

            adopts.do("delete")
            assert switch.shows("port1") is None
            said = machines[0].serial.stat().st_size
            with heard(network.BRIDGE, machines[0].macs[0]) as frames:
                running.switch("m1", PowerAction.ON)
                running.wait_console("m1", "tiny: ready", BOOT_S, behind=said)
                assert frames() == 0, "a released machine is on the provisioning network"
            with pytest.raises(AssertionError, match="not phoned home"):
                home.wait(adopts.name, 0)
            assert "PXEClient" not in home.log.read_text(), "a firmware has asked a tenant's router"
            imposes.do("stop")
            assert switch.shows("port2") is None
            print(*(f"{name}\n{printed(running.events(name))}" for name in PORTS), sep="\n")
        for port, vlan in zip(PORTS.values(), TENANTS, strict=True):
            assert switch.history(port) == [QUARANTINE, PROVISIONING, vlan, QUARANTINE]


def shown_at_work(running: Lab, switch: LabSwitch, machine: str) -> PortSetting | None:
    """What the switch shows of a machine's port while its ramdisk works."""
    running.wait(machine, CALLED, BOOT_S)
    return switch.shows(PORTS[machine])


def reached(home: Home, one: Instance, other: Instance) -> set[str]:
    """Who answers an instance that has taken an address of bmprov's network, too."""
    own = network.address(250)
    asked = (str(ADDRESS.ip), other.address, str(network.ADDRESS.ip))
    probes = [f"(arping -f -c 3 -w 3 -I eth0 {address} >/dev/null && echo {address}) &" for address in asked]
    return set(shell(home, one.address, f"ip address add {own}/24 dev eth0", *probes, "wait").split())
