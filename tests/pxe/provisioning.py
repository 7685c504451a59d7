"""A site in the middle of deployments, as the network-boot services find it in the store."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from types import MappingProxyType
from typing import Any

import zstandard

from bmprov.allocation import Need
from bmprov.lifecycle import Kind, State
from bmprov.model import Bmc, Image, Machine, Nic, Operation, OperationState, StepRun
from bmprov.queue import JobQueue
from bmprov.settings import PxeSettings, Settings
from bmprov.sim import virtual_machine
from bmprov.sim.cd import stand_in
from bmprov.store import Store
from bmprov.store.reservations import Claimant, reserve
from bmprov.vault import Vault
from images.blobs import ImageStore
from images.ramdisk import medium
from pxe.directory import StoreLeases
from pxe.fetched import FetchLog
from pxe.http import BootHttp
from pxe.media import Media
from pxe.seats import Seats
from pxe.transfer import Transfers
from tests import databases

RAW = hashlib.shake_256(b"an operating system").digest(3_000_000)
IMAGE = zstandard.compress(RAW[:1_000_000]) + zstandard.compress(RAW[1_000_000:])
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAItest someone@example.org"
STEP = StepRun("power cycle", 1, 0.0, 0.0, "done")
WAITING = StepRun("wait for the ramdisk", 1, 0.0, 0.0, "wait", "the ramdisk")


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Site:
    """One site's store, images and settings. Addresses are loopback's, ports are the kernel's."""

    def __init__(self, folder: Path, redis: str, image: bytes = IMAGE, database: str = "") -> None:
        self.clock = Clock()
        self.settings = Settings(
            database=database or databases.sqlite(folder / "bmprov.db"),
            redis=redis,
            key_file=folder / "secret.key",
            images=folder / "images",
            pxe=PxeSettings(listen="127.0.0.1", loaders=folder / "loaders", processes=1, threads=4),
        )
        Vault.create_file(self.settings.key_file)
        self.vault = Vault.from_file(self.settings.key_file)
        self.store = Store(self.settings.database, self.clock, durable=False)
        if database:
            self.store.migrate()
        self.queue = JobQueue(redis)
        self.queue.redis.flushall()
        self.images = ImageStore(self.settings.images)
        self.loader = self.settings.pxe.loaders / "snponly.efi"
        self.loader.parent.mkdir()
        for name in ("snponly.efi", "undionly.kpxe"):
            (self.loader.parent / name).write_bytes(b"loader " * 1000)
        ramdisk = self.settings.images / "ramdisk"
        ramdisk.mkdir(parents=True)
        (ramdisk / "vmlinuz").write_bytes(b"kernel")
        (ramdisk / "initrd").write_bytes(b"initrd")
        (ramdisk / medium.NAME).write_bytes(stand_in())
        self.image = self._add_image(image)

    def _add_image(self, content: bytes) -> Image:
        blob = self.images.add(io.BytesIO(content))
        sizes: dict[str, Any] = {"size_bytes": blob.size_bytes, "raw_size_bytes": blob.raw_size_bytes}
        image = Image("image-1", "debian", blob.format, blob.sha256, raw_tree_sha512=blob.raw_tree_sha512, **sizes)
        with self.store.write() as transaction:
            transaction.images.add(image)
        return image

    def use_ports(self, http: int, dhcp: int = 67, tftp: int = 69, dns: int = 0) -> None:
        """Tell the machines where the services listen."""
        ports = replace(self.settings.pxe, http_port=http, dhcp_port=dhcp, tftp_port=tftp, dns_port=dns)
        self.settings = replace(self.settings, pxe=ports)

    def boot(self) -> BootHttp:
        """What the HTTP routes work with."""
        pxe, transfers = self.settings.pxe, Transfers(self.settings.pxe.threads)
        ramdisk = self.settings.images / "ramdisk"
        return BootHttp(
            self.store,
            self.vault,
            self.queue,
            self.images,
            {"snponly.efi": self.loader},
            ramdisk,
            "http://10.1.0.1:8080" if pxe.http_port == PxeSettings.http_port else pxe.http_url,
            Media(ramdisk / medium.NAME, StoreLeases(Seats(self.store), pxe, self.settings.site), pxe, transfers),
            transfers,
            FetchLog(self.store, self.settings.site),
        )

    def enrol(self, number: int, site: str = "default") -> Machine:
        """A machine that is in nobody's hands."""
        macs = [f"52:54:00:{number >> 8:02x}:{number & 255:02x}:{place:02x}" for place in range(2)]
        nics = (Nic(macs[0], 0, netboot=True), Nic(macs[1], 1))
        bmc = Bmc(f"ipmi://127.0.0.1:{number}", "admin", b"")
        machine = Machine(f"m{number}", f"rack1-{number:02d}", bmc, nics, state=State.AVAILABLE, site=site)
        with self.store.write() as transaction:
            transaction.machines.add(machine)
        return machine

    def deploy(self, number: int = 1, details: Mapping[str, str] = MappingProxyType({})) -> Operation:
        """A machine whose deployment is under way: switched on, and wanted to boot from the network."""
        machine = self.enrol(number)
        nic = virtual_machine.Nic("02:00:00:00:00:01", "192.0.2.7")
        vm = virtual_machine.virtual_machine(number, [nic], ssh_key=SSH_KEY)
        payload: dict[str, Any] = {"virtualmachineid": vm.uuid, "virtualmachinename": vm.name}
        payload["cloudstack.vm.details"] = vm.details
        payload["externaldetails"] = {"virtualmachine": dict(details)}
        sealed = self.vault.seal(json.dumps(payload).encode())
        with self.store.write() as transaction:
            claimant = Claimant(vm.uuid, vm.name, "c", "h", (), sealed, "image-1")
            instance, machine = reserve(transaction, claimant, Need(machine=machine.name), 1800)
            begun = transaction.operations.begin(Kind.DEPLOY, machine, "test", instance=instance)
            claimed = transaction.operations.claim(begun.id, "w1", 1.0)
            assert claimed is not None
            cycled = transaction.operations.proceed(claimed, STEP, "wait for the ramdisk", 1.0, netboot=True)
            asleep = transaction.operations.wait(cycled, WAITING, self.clock.now + 900, self.clock.now + 900)
        assert asleep is not None
        return asleep

    def booted_at(self, operation: Operation, address: str) -> str:
        """DHCP has given the machine an address: the operation's token."""
        with self.store.write() as transaction:
            transaction.operations.set_boot_ip(operation.id, str(IPv4Address(address)))
        return self.vault.operation_token(operation.id)

    def close_netboot(self, operation: Operation) -> None:
        """The image is on the disk."""
        with self.store.write() as transaction:
            transaction.operations.proceed(self.operation(operation), STEP, "reboot", 0.0, netboot=False)

    def cancel(self, operation: Operation) -> None:
        """End the operation."""
        with self.store.write() as transaction:
            machine = transaction.machines.get(operation.machine_id)
            assert machine is not None
            transaction.operations.finish(self.operation(operation), machine, OperationState.CANCELLED)

    def operation(self, operation: Operation) -> Operation:
        """The operation as it stands."""
        with self.store.read() as transaction:
            found = transaction.operations.get(operation.id)
        assert found is not None
        return found
