"""Simulated machines on real services: DHCP, TFTP and HTTP as processes, asked from the address that DHCP gave."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
import yaml

from bmprov.model import BootMode, Operation
from bmprov.power import Power, PowerAction
from bmprov.sim.firmware import SimulatedMachine
from bmprov.sim.pace import PACES, FirmwareFaults, Pace
from bmprov.sim.ramdisk import Installed
from bmprov.sim.relay import Relay
from tests.pxe.provisioning import RAW
from tests.sim.conftest import Services
from tests.trees import tree_sha512

NETWORK_ONCE, NETWORK_ALWAYS = bytes([0x80, 1 << 2, 0, 0, 0]), bytes([0xC0, 1 << 2, 0, 0, 0])
OLD = Installed("an older system", {})
IN_TIME_S = 30.0
INVENTORY = {"cpus": 4, "memory_mib": 8192, "disks": [], "nics": []}
NUMBERS = itertools.count(1)


class Bench:
    """One machine on the services, and the deployment that is under way on it."""

    def __init__(self, services: Services, number: int, relay: Relay, pace: Pace = PACES["instant"]) -> None:
        self.site, self.services, self.number = services.site, services, number
        name, mac, tftp = f"rack1-{number:02d}", f"52:54:00:00:{number:02x}:00", services.site.settings.pxe.tftp_port
        self.machine = SimulatedMachine(name, mac, BootMode.UEFI, INVENTORY, relay, tftp, pace)
        self.operation: Operation | None = None

    def deploy(self) -> Operation:
        self.operation = self.site.deploy(self.number)
        return self.operation

    def netboot(self) -> None:
        self.machine.boot.raw = NETWORK_ONCE
        self.machine.press(PowerAction.ON)

    @property
    def now(self) -> Operation:
        assert self.operation is not None
        return self.site.operation(self.operation)

    def says(self, words: str, part: str = "dhcp") -> bool:
        """Whether a service has said this about the machine."""
        return any(words in line and self.machine.name in line for line in self.services.log(part).splitlines())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(IN_TIME_S):
        while not holds():  # noqa: ASYNC110 - other processes make it hold
            await asyncio.sleep(0.02)


def on_bench(services: Services, test: Callable[[Bench], Awaitable[None]], pace: Pace = PACES["instant"]) -> None:
    """Run `test` with a machine of its own, which is switched off at the end."""

    async def run() -> None:
        relay = await Relay(("127.0.0.1", services.site.settings.pxe.dhcp_port)).open()
        bench = Bench(services, next(NUMBERS), relay, pace)
        try:
            await test(bench)
        finally:
            bench.machine.press(PowerAction.OFF)
            relay.close()

    asyncio.run(run())


def assert_in_order(text: str, *words: str) -> None:
    """That the text has these words, in their order."""
    for word in words:
        _, found, text = text.partition(word)
        assert found, word


@pytest.mark.parametrize("mode", BootMode)
def test_a_machine_is_deployed_and_boots_its_disk(services: Services, mode: BootMode) -> None:
    """The whole way: loader, script, ramdisk, image, seed, done; and after the reset the installed system.

    Its console shows it all, and no token.
    """

    async def test(bench: Bench) -> None:
        bench.machine.boot_mode = mode
        shown = bytearray()
        bench.machine.serial.listen(shown.extend)
        bench.deploy()
        bench.netboot()
        await until(lambda: bench.now.report.written)
        report, address = bench.now.report, IPv4Address(str(bench.now.boot_ip))
        assert (report.booted, report.failure, report.inventory["cpus"]) == (True, "", 4)
        assert bench.site.settings.pxe.range_first <= address <= bench.site.settings.pxe.range_last
        assert bench.machine.installed is not None
        assert bench.machine.installed.raw_tree_sha512 == tree_sha512(RAW)
        assert yaml.safe_load(bench.machine.installed.seed["meta-data"])["local-hostname"].startswith("instance-")
        assert bench.site.queue.progress(bench.now.id) == (len(RAW), len(RAW))
        assert not bench.machine.running
        bench.machine.press(PowerAction.RESET)
        await until(lambda: bench.machine.running)
        assert (bench.machine.power, bench.machine.written) == (Power.ON, 1)
        bench.machine.serial.type(b"root\r")
        assert_in_order(shown.decode(), f"{mode.upper()} firmware", "DHCP", "iPXE", "verified", "disk", "login: root")
        assert bench.site.vault.operation_token(bench.now.id) not in shown.decode()

    on_bench(services, test)


def test_a_machine_that_nobody_wants_booted_is_sent_to_its_disk(services: Services) -> None:
    """DHCP says why in its log; the machine, which has an empty disk, goes on asking."""

    async def test(bench: Bench) -> None:
        bench.site.enrol(bench.number)
        bench.netboot()
        await until(lambda: bench.says("no operation wants"))
        assert not bench.machine.running

    on_bench(services, test)


@pytest.mark.parametrize(
    ("faults", "holds"),
    [
        (FirmwareFaults(fails_at_percent=40), lambda one: one.report.failure.startswith("disk error after ")),
        (FirmwareFaults(corrupts=True), lambda one: one.report.failure.startswith("what came has the digest ")),
        (FirmwareFaults(doubles_calls=True), lambda one: one.report.written and one.signals == 2),
    ],
)
def test_faults_of_the_ramdisk_reach_the_operation(
    services: Services, faults: FirmwareFaults, holds: Callable[[Operation], bool]
) -> None:
    """A failure with its words; doubled calls as one each."""

    async def test(bench: Bench) -> None:
        bench.machine.faults = faults
        bench.deploy()
        bench.netboot()
        await until(lambda: holds(bench.now))
        assert (bench.machine.installed is None) == bool(bench.now.report.failure)

    on_bench(services, test)


def test_a_ramdisk_that_stops_half_way_says_no_more(services: Services) -> None:
    """The operation has heard of it, and its deadline ends it."""

    async def test(bench: Bench) -> None:
        bench.machine.faults = FirmwareFaults(writes_stall=True)
        bench.deploy()
        bench.netboot()
        await until(lambda: bench.site.queue.progress(bench.now.id) is not None)
        assert bench.now.report.booted
        assert not bench.now.report.written

    on_bench(services, test, replace(PACES["instant"], progress_s=0))


def test_a_ramdisk_that_hangs_never_calls(services: Services) -> None:
    """The script is fetched, and then there is silence."""

    async def test(bench: Bench) -> None:
        bench.machine.faults = FirmwareFaults(ramdisk_hangs=True)
        bench.deploy()
        bench.netboot()
        await until(lambda: bench.says("iPXE script", "http"))
        assert not bench.now.report.booted

    on_bench(services, test)


@pytest.mark.parametrize(
    "faults", [FirmwareFaults(no_dhcp=True), FirmwareFaults(tftp_lost=True), FirmwareFaults(script_unread=True)]
)
def test_a_firmware_begins_again(services: Services, faults: FirmwareFaults) -> None:
    """Whatever did not answer, the next round finds it when it does."""

    async def test(bench: Bench) -> None:
        bench.machine.faults = faults
        bench.deploy()
        bench.netboot()
        await asyncio.sleep(0.2)  # long enough for a first round to fail; a shorter one makes the test easier
        assert not bench.now.report.booted
        bench.machine.faults = FirmwareFaults()
        await until(lambda: bench.now.report.written)

    on_bench(services, test)


def test_a_call_from_beyond_the_end_changes_nothing(services: Services) -> None:
    """It comes when the operation has ended, the machine being off, and is answered 410."""

    async def test(bench: Bench) -> None:
        bench.machine.faults = FirmwareFaults(echoes_after_s=0.3)
        bench.deploy()
        bench.netboot()
        await until(lambda: bench.now.report.written)
        bench.site.cancel(bench.now)
        bench.machine.press(PowerAction.OFF)
        before = bench.now
        await until(lambda: '"status": 410' in bench.services.log("http"))
        assert bench.now == before

    on_bench(services, test)


def test_http_boot_may_be_killed_in_the_middle_of_an_image(services: Services) -> None:
    """The ramdisk asks again and fetches on; the image is written once, and right."""

    async def test(bench: Bench) -> None:
        bench.deploy()
        bench.netboot()
        await until(lambda: bench.site.queue.progress(bench.now.id) is not None)
        services.kill("http")
        services.start("http")
        await until(lambda: bench.now.report.written)
        assert bench.machine.written == 1

    on_bench(services, test, replace(PACES["instant"], write_mb_s=3, progress_s=0.05))


def test_the_disk_is_booted_without_an_override(services: Services) -> None:
    """And an override for one boot is gone after it, one for all boots is not; shutting down takes a running system."""

    async def test(bench: Bench) -> None:
        bench.machine.installed = OLD
        bench.machine.press(PowerAction.SOFT_OFF)
        bench.machine.press(PowerAction.ON)
        await until(lambda: bench.machine.running)
        bench.machine.boot.raw = NETWORK_ALWAYS
        bench.machine.faults = FirmwareFaults(ignores_override=True)
        bench.machine.press(PowerAction.CYCLE)
        assert (bench.machine.running, bench.machine.power) == (False, Power.ON)
        await until(lambda: bench.machine.running)
        assert bench.machine.boot.raw == NETWORK_ALWAYS
        bench.machine.press(PowerAction.SOFT_OFF)
        await until(lambda: bench.machine.power is Power.OFF)
        assert not bench.machine.running

    on_bench(services, test)


def test_a_shutdown_that_is_overtaken_by_a_start_does_nothing(services: Services) -> None:
    """A machine that was switched off and on meanwhile stays on."""

    async def test(bench: Bench) -> None:
        bench.machine.installed = OLD
        bench.machine.press(PowerAction.ON)
        await until(lambda: bench.machine.running)
        bench.machine.press(PowerAction.SOFT_OFF)
        bench.machine.press(PowerAction.RESET)
        await until(lambda: bench.machine.running)
        await asyncio.sleep(0.2)  # twice the time that the shutdown takes
        assert bench.machine.power is Power.ON

    on_bench(services, test, replace(PACES["instant"], shutdown_s=0.1))


def test_a_rack_at_once(services: Services) -> None:
    """Forty machines are deployed together, each from an address of its own."""

    async def run() -> None:
        relay = await Relay(("127.0.0.1", services.site.settings.pxe.dhcp_port)).open()
        rack = [Bench(services, number, relay) for number in range(100, 140)]
        for bench in rack:
            bench.deploy()
            bench.netboot()
        await until(lambda: all(bench.machine.written for bench in rack))
        assert len({bench.now.boot_ip for bench in rack}) == len(rack)
        for bench in rack:
            bench.machine.press(PowerAction.OFF)
        relay.close()

    asyncio.run(run())
