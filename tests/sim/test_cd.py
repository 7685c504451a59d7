"""Simulated machines that boot the ramdisk from their BMC's virtual CD, on real services: nobody is asked for DHCP."""

import asyncio
import itertools
import subprocess
from collections.abc import Awaitable, Callable

from bmprov.media import image_url
from bmprov.model import BootMode
from bmprov.power import Power, PowerAction
from bmprov.sim.chassis import BootSource
from bmprov.sim.firmware import SimulatedMachine
from bmprov.sim.pace import PACES
from bmprov.sim.relay import Relay
from tests import debian
from tests.pxe.provisioning import RAW
from tests.sim.conftest import Services
from tests.sim.test_firmware import INVENTORY, OLD, until
from tests.trees import tree_sha512

NUMBERS = itertools.count(201)


def on_bench(test: Callable[[SimulatedMachine, int], Awaitable[None]]) -> None:
    """Run `test` with a machine whose next boot is from its CD; nobody answers its DHCP."""

    async def run() -> None:
        number = next(NUMBERS)
        relay = await Relay(("127.0.0.1", 9)).open()
        mac, pace = f"52:54:00:00:{number:02x}:00", PACES["instant"]
        machine = SimulatedMachine(f"rack1-{number:02d}", mac, BootMode.UEFI, INVENTORY, relay, 9, pace)
        machine.boot.write(BootSource.CD, valid=True, once=True, uefi=True)
        try:
            await test(machine, number)
        finally:
            machine.press(PowerAction.OFF)
            relay.close()

    asyncio.run(run())


def test_a_machine_is_deployed_without_dhcp(services: Services) -> None:
    """From the CD to the installed system; after the reset it boots its disk, the CD still in its drive."""
    site = services.site

    async def test(machine: SimulatedMachine, number: int) -> None:
        operation = site.deploy(number)
        machine.drive.image = image_url(site.settings.pxe.media_base, site.vault.operation_token(operation.id))
        machine.press(PowerAction.ON)
        await until(lambda: site.operation(operation).report.written)
        assert machine.installed is not None
        assert machine.installed.raw_tree_sha512 == tree_sha512(RAW)
        machine.press(PowerAction.RESET)
        await until(lambda: machine.running)
        assert (machine.power, machine.written) == (Power.ON, 1)
        assert machine.name not in services.log("dhcp")

    on_bench(test)


def test_a_cd_that_is_gone_lets_the_machine_boot_its_disk(services: Services) -> None:
    """The operation has ended, so the service has it no more; a machine without a CD in its drive does the same."""
    site = services.site

    async def test(machine: SimulatedMachine, number: int) -> None:
        operation = site.deploy(number)
        site.cancel(operation)
        machine.installed = OLD
        for image in (image_url(site.settings.pxe.media_base, site.vault.operation_token(operation.id)), ""):
            machine.drive.image = image
            machine.boot.write(BootSource.CD, valid=True, once=True, uefi=True)
            machine.press(PowerAction.CYCLE)
            await until(lambda: machine.running)
            assert machine.installed is OLD

    on_bench(test)


def test_curl_reads_the_cd_as_a_bmc_does(services: Services) -> None:
    """Piece by piece, and the pieces are those of the whole."""
    site = services.site
    operation = site.deploy(next(NUMBERS))
    url = image_url(site.settings.pxe.media_base, site.vault.operation_token(operation.id))
    whole = curl(url)
    assert operation.id.replace("-", "").encode() in whole
    assert b"".join(curl("--range", f"{first}-{first + 4095}", url) for first in range(0, len(whole), 4096)) == whole
    head = curl("--head", url).decode().lower()
    assert f"content-length: {len(whole)}\r\n" in head
    assert "accept-ranges: bytes\r\n" in head


def curl(*arguments: str) -> bytes:
    command = [debian.program("curl", "curl"), "--silent", "--show-error", "--fail", *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout
