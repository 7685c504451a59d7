"""A machine in QEMU whose kernel filters VLANs on a bridge, with SSH: the real thing where this host's kernel cannot.

Debian's cloud kernel, iproute2 and dropbear, unpacked and not installed, in an initramfs. It is configured over QEMU's
own network. Its ports are dummies that lead nowhere, or NICs of it: then it sends LLDP, and what its kernel tells of
VLANs goes to a file.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError, Fatal
from bmprov.switch import SwitchLogin
from images.ramdisk import archive, kernel, packages
from tests import debian
from tests.contract.bmcs import free_tcp_port, running
from worker.switches.commands import SshCommands

PORTS = ("port1", "port2", "port3")
NAME = "tor1"
"""What it says in LLDP."""

HISTORY = "history"
_LLDP = Path(__file__).with_name("lldp.pl")
USER, PASSWORD = "root", "secret"
_HASH = "$6$bmprov$uGUABY4UHBvp1WjRDDK5KoIkZ38b//j8jAjIGQPoOre3wJqszB.a3jY5LxzXJha5dGGZL5gAgJ1RqHDpO.Ic/1"
_BOOT_S = 240  # seconds on an idle host; a busy one has no KVM either
_MODULES = ("net/bridge", "drivers/net/dummy", "drivers/net/virtio_net", "drivers/virtio/virtio_pci")
_INIT = """#!/bin/dash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev/pts /root /run
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts; mount -t devpts devpts /dev/pts
for module in virtio_pci virtio_net bridge dummy; do modprobe $module; done
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 # a port has no address of its own
ip link set lo up
pvid=1; [ "$plugged" ] && pvid=0 # 0: a port carries nothing before it is configured
ip link add br0 type bridge vlan_filtering 1 vlan_default_pvid $pvid
if [ "$plugged" ]; then # from the kernel's command line: the names of eth1 and those after it
    card=1
    for port in $plugged; do ip link set eth$card name $port; card=$((card + 1)); done
    perl /bin/lldp.pl {name} $plugged &
else
    for port in {ports} uplink; do ip link add $port type dummy; done
fi
for port in ${plugged:-{ports}}; do ip link set $port master br0 up; done
ip link set br0 up
[ "$plugged" ] && bridge -timestamp monitor vlan >/dev/ttyS1 &
ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up
dropbear -R -E -p 22
while :; do sleep 1000; done
"""

_RESET = """#!/bin/dash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
for port in {ports}; do
    bridge vlan del dev $port vid 1-4094
    bridge vlan add dev $port vid 1 pvid untagged
    ip link set dev $port alias "" up
done
"""


def build(folder: Path) -> None:
    """Its kernel and its initramfs: `linux` and `initrd` in this folder."""
    root, tree = folder / "root", folder / "tree"
    try:
        names = packages.with_dependencies(["iproute2", "dropbear-bin", "busybox-static", "dash"])
        names = [*names, "perl-base", *packages.newest_kernel(["linux-image-cloud-amd64"])]
        packages.unpack(names, folder / "downloads", root)
    except Fatal as error:
        debian.missing("a machine with a VLAN bridge", str(error))
    for name in (
        "bin",
        "sbin",
        "usr/bin",
        "usr/sbin",
        "lib",
        "lib64",
        "usr/lib/x86_64-linux-gnu",
        "lib/x86_64-linux-gnu",
    ):
        if (root / name).is_dir() and name != "lib":
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", str(root / name), str((tree / name).parent)], check=True)
    for folder_of_none in tree.glob("**/gconv"):
        shutil.rmtree(folder_of_none)
    kernel.copy_modules(root, _MODULES, tree)
    (tree / "bin/sh").unlink(missing_ok=True)
    (tree / "bin/sh").symlink_to("dash")  # busybox's own shell would run busybox's own `ip`
    (tree / "etc").mkdir()
    (tree / "etc/passwd").write_text(f"{USER}:{_HASH}:0:0:root:/root:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\n")
    (tree / "etc/shells").write_text("/bin/sh\n")
    (tree / "etc/dropbear").mkdir()
    for name, script in (("init", _INIT), ("bin/reset-ports", _RESET), ("bin/lldp.pl", _LLDP.read_text())):
        (tree / name).write_text(script.replace("{ports}", " ".join(PORTS)).replace("{name}", NAME))
        (tree / name).chmod(0o755)
    with (folder / "initrd").open("wb") as file:
        archive.write(tree, file)
    shutil.copy(root / "boot" / f"vmlinuz-{kernel.release(root)}", folder / "linux")


@contextmanager
def bridge_machine(folder: Path, system: Path, plugs: Mapping[str, str] | None = None) -> Iterator[SwitchLogin]:
    """The machine while the block lasts, once it lets one in. `system` is the folder into which it was built.

    `plugs` are its ports, each with the end of a cable in QEMU's words (`-netdev`, without an id); else it has `PORTS`.
    """
    plugs = plugs or {}
    qemu, port = debian.program("qemu-system-x86_64", "qemu-system-x86"), free_tcp_port()
    command = [
        *(qemu, "-accel", "tcg", "-m", "512", "-nographic", "-no-reboot", "-nodefaults", "-serial", "file:console"),
        *("-serial", f"file:{HISTORY}"),
        *("-kernel", str(system / "linux"), "-initrd", str(system / "initrd")),
        *("-append", f'console=ttyS0 panic=-1 plugged="{" ".join(plugs)}"'),
        *_nic("management", f"user,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"),
        *(word for name, plug in plugs.items() for word in _nic(name, plug)),
        *("-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"),
        *("-cpu", "max,la57=off"),
    ]
    login = SwitchLogin(f"linux-bridge://127.0.0.1:{port}/br0", USER, PASSWORD)
    with running(command, folder):
        _wait(login, folder)
        yield login


def _nic(name: str, plug: str) -> list[str]:
    """Linux numbers them in the order in which they are on QEMU's command line."""
    return ["-netdev", f"{plug},id={name}", "-device", f"virtio-net-pci,netdev={name},romfile="]


def _wait(login: SwitchLogin, folder: Path) -> None:
    by = Deadline.after(_BOOT_S)
    while True:
        try:
            with SshCommands(login).open(by.within(5)) as run:
                assert run(["bridge", "-json", "vlan", "show"], by.within(5)).status == 0
        except BmprovError:
            assert not by.passed, (folder / "console").read_text()[-2000:]
            time.sleep(0.2)  # it boots
        else:
            return
