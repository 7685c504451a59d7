"""Proxy DHCP: a foreign server gives the addresses, bmprov says what to boot. dnsmasq is the foreign one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from tests import debian
from tests.lab.lab import Lab, lab
from tests.lab.qemu import Firmware
from tests.lab.timeline import printed, seconds_to

FOREIGN = IPv4Interface("10.77.0.2/24")
RANGE = ("10.77.0.210", "10.77.0.220")
CALLED = "ramdisk call=/ramdisk/v1/inventory"


@contextmanager
def foreign_server(running: Lab) -> Iterator[None]:
    """A site's own DHCP server, as it was before bmprov came, in a network namespace of its own."""
    with running.net.neighbour("foreign", FOREIGN) as namespace:
        running.start(
            "foreign",
            *(debian.program("ip", "iproute2"), "netns", "exec", namespace),
            *(debian.program("dnsmasq", "dnsmasq-base"), "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
            *("--user=root", "--no-ping", "--dhcp-authoritative", f"--dhcp-range={','.join(RANGE)},255.255.255.0"),
            *(f"--dhcp-leasefile={running.folder.root / 'foreign.leases'}", "--pid-file=", "--log-facility=-"),
        )
        yield
        running.stop("foreign")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_machines_boot_beside_a_foreign_server(ramdisk: Path, tmp_path: Path) -> None:
    """OVMF's own client and iPXE in a ROM have their addresses from there, and their loader and script from us."""
    with lab(tmp_path / "lab", mode="proxy") as running, foreign_server(running):
        shutil.copytree(ramdisk, running.ramdisk)
        kinds = {"uefi": Firmware.UEFI, "bios": Firmware.BIOS}
        for number, (name, firmware) in enumerate(kinds.items(), start=1):
            running.machine(name, firmware)
            running.deploy(number, machine=name)
        for name in kinds:
            seconds = running.wait(name, CALLED, 240)
            print(f"{name} beside a foreign server: the ramdisk called after {seconds:.1f} s")
            print(printed(running.events(name)))
            assert seconds_to(running.events(name), "answer=OFFER address=0.0.0.0") < seconds
        leases = (running.folder.root / "foreign.leases").read_text()
        assert {line.split()[1] for line in leases.splitlines()} == {
            mac for machine in running.machines.values() for mac in machine.macs
        }
