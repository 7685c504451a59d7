"""ipmitool and FreeIPMI judge the simulated BMC: they must work with it as with a real one."""

import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from bmprov.power import BootDevice, BootOverride, Power
from tests import debian
from tests.contract.bmcs import SimulatedMachine, simulated_bmcs


@pytest.fixture(params=[(17, 3), (17,), (3,)], ids=["suites 17 and 3", "suite 17", "suite 3"])
def machine(request: pytest.FixtureRequest) -> Iterator[SimulatedMachine]:
    with simulated_bmcs() as hall:
        yield hall.start(suites=request.param)


def ipmitool(machine: SimulatedMachine, *arguments: str) -> str:
    """What ipmitool prints; it chooses the cipher suite by itself."""
    login = ["-H", "127.0.0.1", "-p", str(machine.endpoint.port), "-U", "admin", "-P", "secret"]
    return run(debian.program("ipmitool", "ipmitool"), "-I", "lanplus", *login, *arguments)


def ipmipower(machine: SimulatedMachine, *arguments: str) -> str:
    """What FreeIPMI's ipmipower prints; it wants to be told the suite."""
    suite = "3" if machine.speaks_suite_3 else "17"
    login = ["-h", f"127.0.0.1:{machine.endpoint.port}", "-u", "admin", "-p", "secret", "-D", "LAN_2_0", "-I", suite]
    return run(debian.program("ipmipower", "freeipmi-tools"), *login, *arguments)


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


def test_ipmitool_switches_the_power(machine: SimulatedMachine) -> None:
    """Every power command of ipmitool works without `-C`, in much less than a second."""
    began = time.monotonic()
    assert "Power is off" in ipmitool(machine, "power", "status")
    assert time.monotonic() - began < 3
    for command, power in [
        ("on", "on"),
        ("cycle", "on"),
        ("reset", "on"),
        ("soft", "off"),
        ("on", "on"),
        ("off", "off"),
    ]:
        assert "Error" not in ipmitool(machine, "power", command)
        assert f"Power is {power}" in ipmitool(machine, "power", "status")
    assert "not supported in present state" in ipmitool(machine, "power", "cycle")


def test_ipmitool_sets_the_boot_device(machine: SimulatedMachine) -> None:
    """What ipmitool sets it reads back, and the machine boots from it."""
    ipmitool(machine, "chassis", "bootdev", "pxe", "options=efiboot")
    told = ipmitool(machine, "chassis", "bootparam", "get", "5")
    assert re.search("Boot Flag Valid.*only next boot.*EFI boot.*Force PXE", told, re.DOTALL)
    ipmitool(machine, "power", "on")
    assert machine.chassis.boots == [BootOverride(BootDevice.NETWORK, once=True)]
    assert "Boot Flag Invalid" in ipmitool(machine, "chassis", "bootparam", "get", "5")
    ipmitool(machine, "chassis", "bootdev", "disk", "options=persistent")
    assert machine.chassis.boot.override == BootOverride(BootDevice.DISK, once=False)


def test_ipmitool_identifies_the_bmc(machine: SimulatedMachine) -> None:
    """Device ID, GUID and cipher suites are readable."""
    assert re.search(r"IPMI Version +: 2.0", ipmitool(machine, "mc", "info"))
    assert "IPMI" in ipmitool(machine, "mc", "guid")
    assert ("hmac_sha1" in ipmitool(machine, "channel", "getciphers", "ipmi", "1")) is machine.speaks_suite_3


def test_ipmitool_is_refused_with_a_wrong_password(machine: SimulatedMachine) -> None:
    """A wrong password is refused."""
    login = ["-H", "127.0.0.1", "-p", str(machine.endpoint.port), "-U", "admin", "-P", "wrong"]
    told = run(debian.program("ipmitool", "ipmitool"), "-I", "lanplus", "-R", "1", "-N", "1", *login, "power", "status")
    assert "Unable to establish IPMI v2 / RMCP+ session" in told


def test_ipmipower_switches_the_power(machine: SimulatedMachine) -> None:
    """FreeIPMI reads and switches, and waits until the power reads back."""
    assert ipmipower(machine, "--stat").endswith(": off\n")
    assert ipmipower(machine, "--on", "--wait-until-on").endswith(": ok\n")
    assert machine.power() is Power.ON
    assert ipmipower(machine, "--cycle").endswith(": ok\n")
    assert ipmipower(machine, "--off", "--wait-until-off").endswith(": ok\n")
    assert machine.power() is Power.OFF
    assert ipmipower(machine, "--stat").endswith(": off\n")


def test_no_client_leaves_a_session_open(machine: SimulatedMachine) -> None:
    """They log out, and the BMC lets them."""
    ipmitool(machine, "power", "status")
    ipmipower(machine, "--stat")
    assert machine.open_sessions() == 0
