"""A kernel of Debian's, and a ramdisk that makes one call: enough to prove the way there.

It has busybox, the NIC's driver and an `/init` that asks DHCP for its address and posts an inventory with its token.
"""

import gzip
import shutil
import subprocess
from pathlib import Path

from tests import debian

_MODULES = ("virtio_net", "virtio_pci")
_INIT = """#!/bin/sh
mkdir -p /proc /sys /dev
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
exec > /dev/ttyS0 2>&1
for module in $(cat /modules); do insmod $module; done
for word in $(cat /proc/cmdline); do
    case $word in
    bmprov.api=*) api=${word#*=} ;;
    bmprov.token=*) token=${word#*=} ;;
    BOOTIF=01-*) mac=$(echo ${word#*=01-} | tr - :) ;;
    esac
done
ip link set eth0 up
udhcpc -i eth0 -s /lease -t 20 -T 1 -A 1 -n -q
body="{\\"cpus\\": 1, \\"memory_mib\\": 512, \\"nics\\": [{\\"mac\\": \\"$mac\\"}]}"
wget -O - --header "Authorization: Bearer $token" --post-data "$body" $api/inventory && echo "the call was accepted"
exec sleep 1000000
"""
_LEASE = """#!/bin/sh
[ "$1" = bound ] && ip address add $ip/$mask dev $interface
exit 0
"""


def build(folder: Path) -> None:
    """Put `vmlinuz` and `initrd` into `folder`."""
    folder.mkdir(parents=True)
    kernel = _kernel()
    shutil.copy(kernel, folder / "vmlinuz")
    root = folder / "root"
    (root / "bin").mkdir(parents=True)
    busybox = Path(debian.program("busybox", "busybox-static"))
    shutil.copy(busybox, root / "bin" / "busybox")
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in set(listed) - {"busybox"}:
        (root / "bin" / applet).symlink_to("busybox")
    modules = _modules(kernel.name.removeprefix("vmlinuz-"))
    for module in modules:
        shutil.copy(module, root / module.name)
    (root / "modules").write_text("\n".join(f"/{module.name}" for module in modules))
    for name, text in (("init", _INIT), ("lease", _LEASE)):
        (root / name).write_text(text)
        (root / name).chmod(0o755)
    (folder / "initrd").write_bytes(gzip.compress(_packed(root), 1))
    shutil.rmtree(root)


def _kernel() -> Path:
    kernels = sorted(Path("/boot").glob("vmlinuz-*-cloud-amd64"))
    return (
        kernels[-1] if kernels else debian.missing("a kernel", "install the Debian package `linux-image-cloud-amd64`")
    )


def _modules(release: str) -> list[Path]:
    """The drivers and what they need, in the order in which they load (modules.dep(5))."""
    home = Path("/lib/modules", release)
    _run(debian.program("depmod", "kmod"), release)
    needs = dict(line.split(":", 1) for line in (home / "modules.dep").read_text().splitlines())
    by_name = {Path(path).name.partition(".")[0]: path for path in needs}
    found: list[str] = []
    for path in (by_name[name] for name in _MODULES if name in by_name):  # one that is not there is in the kernel
        found += [one for one in [*reversed(needs[path].split()), path] if one not in found]
    return [home / path for path in found]


def _packed(root: Path) -> bytes:
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    cpio = [debian.program("cpio", "cpio"), "--create", "--format=newc", "--quiet", "--owner=0:0"]
    return subprocess.run(cpio, cwd=root, input=names.encode(), stdout=subprocess.PIPE, check=True).stdout


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
