"""What an administrator puts together without bmprov: dnsmasq, a web server, and a ramdisk of busybox, wget and dd."""

import json
import queue
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from images.ramdisk import archive
from tests import debian
from tests.lab import network
from tests.lab.calls import heard
from tests.lab.network import Network
from tests.lab.qemu import Firmware, Hardware

_HOST = network.ADDRESS.ip
_DONE_PORT = 8081
_DEADLINE_S = 300
_KEPT = ("bin", "sbin", "lib/modules", "usr/sbin/modprobe", "usr/bin/kmod", "lib64", "lib", "usr/lib")
_INIT = f"""#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
modprobe -a virtio_pci virtio_net virtio_blk af_packet
ip link set eth0 up
udhcpc -i eth0 -n -q -t 10 -T 1 -s /bin/lease
wget -q -O - http://{_HOST}/image | dd of=/dev/vda bs=4M iflag=fullblock oflag=direct
sync
wget -q -O - http://{_HOST}:{_DONE_PORT}/done
sleep 1000
"""
_SCRIPT = f"""#!ipxe
kernel http://{_HOST}/vmlinuz initrd=initrd
initrd --name initrd http://{_HOST}/initrd
boot
"""
_NGINX = """daemon off; user root; worker_processes 1; error_log stderr; pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    sendfile on; tcp_nopush on; access_log off; default_type application/octet-stream;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen {host}:80; root {folder}/www; }}
}}
"""


@dataclass
class Handmade:
    """The running services. Machines are plugged into their network one after the other."""

    folder: Path
    net: Network
    done: "queue.Queue[float]" = field(default_factory=queue.Queue)
    machines: int = 0

    def write(self, firmware: Firmware, disk_mib: int) -> float:
        """Seconds from the power-on of a machine with this firmware to its call that the image is on its disk."""
        self.machines += 1
        folder = self.folder / f"machine-{self.machines}"
        folder.mkdir()
        tap = self.net.tap(self.machines)
        hardware = Hardware(
            folder, firmware, {tap: f"52:54:00:78:00:{self.machines:02x}"}, disks_mib=[disk_mib], wired=False
        )
        hardware.install()
        command = json.loads((folder / "machine.json").read_text())["commands"]["network"]
        began = time.time()
        machine = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            return self.done.get(timeout=_DEADLINE_S) - began
        finally:
            machine.kill()
            machine.wait()


@contextmanager
def handmade(folder: Path, ramdisk: Path, image: Path) -> Iterator[Handmade]:
    """All of it, on a network of its own; `ramdisk` is bmprov's, whose kernel and drivers it takes."""
    www = folder / "www"
    www.mkdir(parents=True)
    shutil.copy(ramdisk / "vmlinuz", www)
    (www / "image").symlink_to(image)
    (www / "script.ipxe").write_text(_SCRIPT)
    _pack(ramdisk / "initrd", folder / "tree", www / "initrd")
    with network.network() as net, net.inside():
        _ip("address", "add", "fd77::1/64", "dev", network.BRIDGE, "nodad")
        made = Handmade(folder, net)
        with (
            _running(_nginx(folder)),
            _running(_dnsmasq()),
            heard((str(_HOST), _DONE_PORT), lambda _: made.done.put(time.time())),
        ):
            yield made


def _pack(initrd: Path, tree: Path, target: Path) -> None:
    """A ramdisk of busybox and bmprov's drivers, without Python and its agent."""
    tree.mkdir()
    unpack = f"{debian.program('zstd', 'zstd')} -dc {initrd} | {debian.program('cpio', 'cpio')} -id --quiet"
    subprocess.run(["sh", "-c", unpack], cwd=tree, check=True)
    for folder in ("agent", "usr/lib/python3", "usr/lib/python3.11"):
        shutil.rmtree(tree / folder, ignore_errors=True)
    (tree / "init").write_text(_INIT)
    with target.open("wb") as file:
        archive.write(tree, file)


def _nginx(folder: Path) -> list[str]:
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, host=_HOST))
    return [debian.program("nginx", "nginx-light"), "-c", str(config)]


def _dnsmasq() -> list[str]:
    return [
        *(debian.program("dnsmasq", "dnsmasq-base"), "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
        *(
            "--user=root",
            "--pid-file=",
            "--dhcp-leasefile=/dev/null",
            f"--interface={network.BRIDGE}",
            "--log-facility=-",
        ),
        *(f"--dhcp-range={network.address(100)},{network.address(200)}", "--dhcp-range=fd77::,ra-only", "--enable-ra"),
        *("--dhcp-match=set:ipxe,175", "--dhcp-match=set:uefi,option:client-arch,7"),
        *("--enable-tftp", "--tftp-root=/usr/lib/ipxe", f"--dhcp-boot=tag:ipxe,http://{_HOST}/script.ipxe"),
        *("--dhcp-boot=tag:!ipxe,tag:uefi,snponly.efi", "--dhcp-boot=tag:!ipxe,tag:!uefi,undionly.kpxe"),
    ]


@contextmanager
def _running(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _ip(*words: str) -> None:
    subprocess.run([debian.program("ip", "iproute2"), *words], check=True)
