"""The real ramdisk in a virtual machine, against the real boot service: images, disks and what goes wrong with them."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from bmprov.model import Operation
from bmprov.settings import dump
from tests import debian
from tests.images.ramdisk import guest
from tests.pxe.provisioning import Site
from tests.pxe.test_http_server import free_port

BOOT_S = 150
GUEST = "127.0.0.1"


class Deployment:
    """A site with its boot service running, and a machine that boots the ramdisk."""

    def __init__(self, folder: Path, redis: str, ramdisk: Path, image: bytes) -> None:
        self.site = Site(folder, redis, image)
        pxe = replace(self.site.settings.pxe, http_port=free_port(), address="10.0.2.2", threads=16)
        self.site.settings = replace(self.site.settings, pxe=pxe)
        self._ramdisk = ramdisk
        self.folder = folder
        (folder / "bmprov.toml").write_text(dump(self.site.settings))
        self.operation = self.site.deploy()
        self.token = self.site.booted_at(self.operation, GUEST)

    @contextmanager
    def service(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "bmprov", "pxe", "--config", str(self.folder / "bmprov.toml"), "http"]
        with (self.folder / "http.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def run(self, disks: list[Path], until: Callable[[Operation], bool], more: Sequence[str] = ()) -> Operation:
        """Boot the machine and wait; `more` describes it to QEMU."""
        with self.booted(disks, more):
            return self.wait(until)

    def booted(self, disks: list[Path], more: Sequence[str] = ()):  # noqa: ANN201 - contextmanager's own
        api = f"{self.site.settings.pxe.http_url}/ramdisk/v1"
        return guest.booted(self._ramdisk, api, self.token, disks, self.folder / "serial.log", more)

    def wait(self, until: Callable[[Operation], bool]) -> Operation:
        end = time.monotonic() + BOOT_S
        while not until(now := self.site.operation(self.operation)):
            assert time.monotonic() < end, (self.folder / "serial.log").read_text(errors="replace")[-3000:]
            time.sleep(0.2)  # the machine makes it hold
        return now


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("system") / "system.raw"
    guest.system_image(path)
    return path.read_bytes()


@pytest.fixture
def deployment(
    tmp_path: Path, valkey: str, ramdisk: Path, system: bytes, request: pytest.FixtureRequest
) -> Iterator[Deployment]:
    image = getattr(request, "param", "raw.zst")
    built = Deployment(tmp_path, valkey, ramdisk, zstandard.compress(system) if image == "raw.zst" else system)
    yield built
    built.site.store.close()


def ended(operation: Operation) -> bool:
    return operation.report.written or bool(operation.report.failure)


@pytest.mark.parametrize("deployment", ["raw", "raw.zst"], indirect=True)
def test_the_image_is_on_the_disk_with_the_instance_s_data(deployment: Deployment, system: bytes) -> None:
    """Byte for byte, its last partition and file system grown to the disk's end, its NoCloud data behind it."""
    disk = guest.blank_disk(deployment.folder / "disk", 160)
    with deployment.service():
        report = deployment.run([disk], ended).report
    assert report.written, report
    assert report.inventory["disks"][0]["serial"] == "disk-0"
    assert [nic["link"] for nic in report.inventory["nics"]] == [True]
    efi, root, seed = guest.partitions(disk)
    content = disk.read_bytes()
    assert content[: 2**20][1024 * 17 : 2**20] == system[: 2**20][1024 * 17 : 2**20]
    assert guest.extract(disk, efi, deployment.folder / "efi").read_bytes() == system[2**20 : 9 * 2**20]
    assert root["size"] * 512 > 100 * 2**20
    files = guest.extract(disk, root, deployment.folder / "rootfs")
    subprocess.run([debian.program("e2fsck", "e2fsprogs"), "-f", "-n", str(files)], check=True, capture_output=True)
    debugfs = [debian.program("debugfs", "e2fsprogs"), "-R"]
    motd = subprocess.run([*debugfs, "cat /etc/motd", str(files)], capture_output=True, check=True)
    assert motd.stdout == b"a small system\n"
    data = guest.extract(disk, seed, deployment.folder / "seed")
    mtype = [debian.program("mtype", "mtools"), "-i", str(data), "::meta-data"]
    told = subprocess.run(mtype, capture_output=True, text=True, check=True)
    assert "local-hostname" in told.stdout


@contextmanager
def talking_switch() -> Iterator[list[str]]:
    """A second NIC for QEMU, position 1 of the machine, whose neighbour speaks LLDP ten times a second."""
    ends = [free_port(), free_port()]
    frame = bytes.fromhex("0180c200000e 001c73000001 88cc 0207 04 001c73000001 0404 05 353133 0602 0078")
    frame += b"\x08\x08xe-0/0/7" + b"\x0a\x06leaf-1" + bytes(2)
    silence = threading.Event()

    def talk() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as cable:
            while not silence.wait(0.1):
                cable.sendto(frame.ljust(60, b"\0"), ("127.0.0.1", ends[0]))

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        ours, theirs = (f"127.0.0.1:{port}" for port in ends)
        netdev = ["-netdev", f"socket,id=m,localaddr={ours},udp={theirs}"]
        yield [*netdev, "-device", "virtio-net-pci,netdev=m,mac=52:54:00:00:01:01,romfile="]
    finally:
        silence.set()
        talker.join()


def test_what_switches_say_is_heard_on_every_nic(deployment: Deployment) -> None:
    """Not only on the one that the machine booted from; it is told before `done`, and is evidence of the cabling."""
    disk = guest.blank_disk(deployment.folder / "disk", 160)
    with deployment.service(), talking_switch() as nic:
        report = deployment.run([disk], ended, nic).report
    assert report.written, report
    told = {"chassis": "00:1c:73:00:00:01", "port": "513", "description": "xe-0/0/7", "system": "leaf-1"}
    assert [one["lldp"] for one in report.inventory["nics"] if one["mac"] == "52:54:00:00:01:01"] == [told]
    with deployment.site.store.read() as transaction:
        nics = transaction.machines.all()[0].nics
        facts = [known.facts for known in transaction.cabling.of(nics, []).values()]
    assert [[fact.words for fact in said] for said in facts] == [[], ["leaf-1 513"]]


def test_a_disk_that_is_too_small_is_told(deployment: Deployment) -> None:
    """Nothing is written, and the sentence says what is there."""
    disk = guest.blank_disk(deployment.folder / "disk", 40)
    before = disk.read_bytes()
    with deployment.service():
        report = deployment.run([disk], ended).report
    assert "no disk takes the image, which needs 50331648 bytes; there is vda of 41943040 bytes" in report.failure
    assert disk.read_bytes() == before
    assert "bmprov agent: gives up" in report.log
    assert deployment.token not in report.log


def test_a_machine_without_a_disk_is_told_as_its_own_fault(deployment: Deployment) -> None:
    """It is a part that is broken or not plugged in, so that the next instance must not get it."""
    with deployment.service():
        report = deployment.run([], ended).report
    assert report.failure.startswith("the machine has no disk that can be written: look at its controller")
    assert report.hardware


def test_the_smallest_disk_that_fits_gets_the_image(deployment: Deployment) -> None:
    """Of three disks the smallest that takes the image is written, and the others are left alone."""
    disks = [guest.blank_disk(deployment.folder / f"disk{size}", size) for size in (200, 40, 160)]
    before = [disks[0].read_bytes(), disks[1].read_bytes()]
    with deployment.service():
        assert deployment.run(disks, ended).report.written
    assert [disks[0].read_bytes(), disks[1].read_bytes()] == before
    assert len(guest.partitions(disks[2])) == 3


def test_a_service_that_dies_while_the_image_is_written_costs_nothing(deployment: Deployment) -> None:
    """The connection breaks, the machine asks again until the service is back, and fetches on from there."""
    disk = guest.blank_disk(deployment.folder / "disk", 160)
    with deployment.booted([disk]):
        with deployment.service() as service:
            deployment.wait(lambda now: now.report.booted)
            service.send_signal(signal.SIGKILL)
        with deployment.service():
            assert deployment.wait(ended).report.written


def test_an_image_that_breaks_off_in_its_middle_goes_on_there(
    tmp_path: Path, valkey: str, ramdisk: Path, system: bytes
) -> None:
    """The service is killed while it sends: what is on the disk is not fetched again, and the hash is of all of it."""
    deployment = Deployment(tmp_path, valkey, ramdisk, system + os.urandom(300 * guest.MIB))
    disk = guest.blank_disk(tmp_path / "disk", 400)
    with deployment.booted([disk]):
        with deployment.service() as service:
            deployment.wait(lambda now: (deployment.site.queue.progress(now.id) or (0, 0))[0] > 0)
            os.killpg(service.pid, signal.SIGKILL)  # its children too, which would go on sending
        with deployment.service():
            assert deployment.wait(ended).report.written
    log = (tmp_path / "serial.log").read_text(errors="replace")
    assert re.search(rf"the connection broke after [1-9]\d* of {len(system) + 300 * guest.MIB} bytes", log)


@pytest.mark.parametrize("deployment", ["raw"], indirect=True)
def test_bytes_that_changed_on_the_way_are_never_deployed(deployment: Deployment) -> None:
    """The hash is made of what was written; another one than the image's ends the deployment."""
    blob = deployment.site.images.path(deployment.site.image.sha256)
    content = bytearray(blob.read_bytes())
    content[20 * 2**20] ^= 1
    blob.write_bytes(content)
    with deployment.service():
        report = deployment.run([guest.blank_disk(deployment.folder / "disk", 160)], ended).report
    assert not report.written
    assert "and not the image's" in report.failure
