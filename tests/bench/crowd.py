"""A hall of machines that boot from the network, as far as their ramdisk: what the servers see of them, and no more.

DHCP, TFTP and the script are those of `bmprov.sim`, with the patience that firmware has; what had to be asked again is
counted. Kernel and initramfs are read into nowhere (MSG_TRUNC, tcp(7)), so that the readers leave the servers some of
the two cores. Each machine has its own address. Nothing is tried again as a whole: what fails is told.
"""

import asyncio
import re
import resource
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bmprov.sim.http_client import Http, HttpFailed
from bmprov.sim.relay import IPXE_CLASS, NoAnswer, Relay
from bmprov.sim.tftp_client import TftpFailed, fetch
from pxe.dhcp.packet import Option
from tests.bench.servers import dropped

STAGES = ("DHCP of the firmware", "loader by TFTP", "DHCP of iPXE", "script by HTTP", "kernel and initramfs", "all")
RELAY = "127.0.0.2"
BOOT_S = 300.0
_UEFI: dict[int, bytes] = {Option.CLIENT_ARCH: b"\0\7", Option.VENDOR_CLASS: b"PXEClient:Arch:00007:UNDI:003016"}
_END, _HEAD_BYTES, _TAKE_BYTES = b"\r\n\r\n", 4096, 2**20
_NOWHERE = bytearray(_TAKE_BYTES)


class Short(Exception):
    """What came is not what was to come."""


@dataclass(frozen=True)
class Sizes:
    """What a machine is to be given, in bytes."""

    loader: int
    kernel: int
    initrd: int


@dataclass
class Tally:
    """What became of a crowd: seconds of each stage, of those machines that got through it, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    failures: list[str] = field(default_factory=list)
    dhcp_resent: int = 0
    tftp_resent: int = 0
    asked_later: int = 0
    dropped: int = 0
    took_s: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage of one machine."""
        began = time.perf_counter()
        yield
        self.seconds[name].append(time.perf_counter() - began)


def mac(number: int) -> str:
    """The MAC that machine `number` of `tests.pxe.provisioning.Site` boots from."""
    return f"52:54:00:{number >> 8:02x}:{number & 255:02x}:00"


def boot(count: int, within_s: float, sizes: Sizes) -> Tally:
    """Machines 1 to `count`, switched on one after the other within so many seconds."""
    _allow_files(4 * count)
    return asyncio.run(_boot(count, within_s, sizes))


def lease(count: int) -> Tally:
    """Machines 1 to `count` ask for an address, all at the same moment, behind a relay on port 67 as relays are."""
    return asyncio.run(_lease(count))


async def _lease(count: int) -> Tally:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port_67:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):  # dnsmasq has that port of all addresses
            port_67.setsockopt(socket.SOL_SOCKET, option, 1)
        port_67.bind((RELAY, 67))
        relay, tally = await Relay(("127.0.0.1", 67), RELAY).open(port_67), Tally()
        began = time.perf_counter()

        async def machine(number: int) -> None:
            try:
                with tally.stage("all"):
                    await relay.lease(mac(number), _UEFI)
            except NoAnswer as error:
                tally.failures.append(f"machine {number}: {error}")

        await asyncio.gather(*(machine(number) for number in range(1, count + 1)))
        tally.took_s, tally.dhcp_resent, tally.dropped = time.perf_counter() - began, relay.resent, dropped()
        relay.close()
    return tally


async def _boot(count: int, within_s: float, sizes: Sizes) -> Tally:
    relay, tally = await Relay(("127.0.0.1", 67), RELAY).open(), Tally()
    began = time.perf_counter()

    async def machine(number: int) -> None:
        await asyncio.sleep(within_s * (number - 1) / count)
        try:
            with tally.stage("all"):
                await asyncio.wait_for(_boot_one(mac(number), relay, tally, sizes), BOOT_S)
        except (NoAnswer, TftpFailed, HttpFailed, Short, OSError, TimeoutError) as error:
            tally.failures.append(f"machine {number}: {error!r}")

    await asyncio.gather(*(machine(number) for number in range(1, count + 1)))
    tally.took_s, tally.dhcp_resent, tally.dropped = time.perf_counter() - began, relay.resent, dropped()
    relay.close()
    return tally


async def _boot_one(mac: str, relay: Relay, tally: Tally, sizes: Sizes) -> None:
    with tally.stage("DHCP of the firmware"):
        lease = await relay.lease(mac, _UEFI)
    with tally.stage("loader by TFTP"):
        fetched = await fetch(lease.boot_file, (lease.server, 69), lease.address)
    tally.tftp_resent += fetched.resent
    _expect("the loader", len(fetched.content), sizes.loader)
    with tally.stage("DHCP of iPXE"):
        again = await relay.lease(mac, {**_UEFI, **IPXE_CLASS})
    with tally.stage("script by HTTP"):
        script = await Http(again.address).get(again.boot_file)
    base = re.search(r"^set base (\S+)", script.decode(), re.MULTILINE)
    if base is None:
        raise Short(f"the script is {script[:80]!r}")
    with tally.stage("kernel and initramfs"):
        _expect("the kernel", await _read(f"{base[1]}/kernel", again.address, tally), sizes.kernel)
        _expect("the initramfs", await _read(f"{base[1]}/initrd", again.address, tally), sizes.initrd)


def _expect(what: str, size: int, expected: int) -> None:
    if size != expected:
        raise Short(f"{what} has {size} bytes instead of {expected}")


async def _read(url: str, source: str, tally: Tally) -> int:
    """Read a file into nowhere, its size; a server that is busy is asked again when it says, as iPXE does."""
    while True:
        status, told, size = await _asked(url, source)
        if status == 503 and "retry-after" in told:
            tally.asked_later += 1
            await asyncio.sleep(float(told["retry-after"]))
        elif status == 200:
            return size
        else:
            raise HttpFailed(f"{url.rpartition('/')[2]} was answered {status}", status)


async def _asked(url: str, source: str) -> tuple[int, Mapping[str, str], int]:
    """Status, fields and the length of what came after them."""
    loop, at = asyncio.get_running_loop(), urlsplit(url)
    with socket.socket() as connection:
        connection.setblocking(False)
        connection.bind((source, 0))
        await loop.sock_connect(connection, (at.hostname, at.port))
        request = f"GET {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nConnection: close\r\n\r\n"
        await loop.sock_sendall(connection, request.encode())
        head, rest = b"", b""
        while _END not in head:
            piece = await loop.sock_recv(connection, _HEAD_BYTES)
            if not piece:
                raise Short(f"the answer ended after {len(head)} bytes")
            head += piece
        head, _, rest = head.partition(_END)
        size = len(rest) + await _drained(connection)
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), fields, size


async def _drained(connection: socket.socket) -> int:
    """Read until the other side ends; how many bytes came."""
    loop, size = asyncio.get_running_loop(), 0
    ended: asyncio.Future[int] = loop.create_future()

    def take() -> None:
        nonlocal size
        try:
            taken = connection.recv_into(_NOWHERE, 0, socket.MSG_TRUNC)
        except BlockingIOError:
            return
        except OSError as error:
            loop.remove_reader(connection)
            ended.set_exception(error)
            return
        size += taken
        if not taken:
            loop.remove_reader(connection)
            ended.set_result(size)

    loop.add_reader(connection, take)
    try:
        return await ended
    finally:
        loop.remove_reader(connection)


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count)), hard))
