"""A tiny system that boots with BIOS and UEFI and takes its NoCloud data, made in seconds: for rehearsals and tests.

Linux and busybox, all in an initramfs. It reads the file system CIDATA as cloud-init does, takes the host name and the
MACs that are imposed on its NICs, asks DHCP for an address on each, and runs the user data when it is a script. It is
not for tenants: its serial console asks for a login, and nobody has a password unless that script gives one.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from images.ramdisk import archive, kernel, packages
from images.ramdisk.flavours import FLAVOURS
from images.ramdisk.programs import Root
from images.system import disk

_PACKAGES = ("busybox-static", "kmod")
_DRIVERS = (*FLAVOURS["virtual"].drivers, "drivers/acpi/button", "drivers/input/evdev")  # and a BMC's soft off
_SIZE_MIB = 96
_ACCOUNTS = {"passwd": "root:*:0:0:root:/:/bin/sh\n", "group": "root:x:0:\n"}
_GRUB_CONFIG = """linux /boot/vmlinuz console=tty0 console=ttyS0 panic=5 quiet
initrd /boot/initrd
boot
"""


def build(out: Path, say: Callable[[str], object] = lambda _: None) -> None:
    """Build the tiny system as a raw disk image.

    Raises:
        Fatal: apt, dpkg or a program failed.
    """
    with tempfile.TemporaryDirectory(prefix=".tiny-", dir=out.parent) as name:
        work = Path(name)
        say("downloading and unpacking Debian packages")
        names = [
            *packages.newest_kernel(FLAVOURS["virtual"].kernels),
            *packages.with_dependencies([*_PACKAGES, *disk.PACKAGES]),
        ]
        packages.unpack(names, work / "packages", work / "root")
        root = Root(work / "root")
        say("putting the system together")
        boot = work / "tree" / "boot"
        (boot / "grub").mkdir(parents=True)
        (boot / "grub" / "grub.cfg").write_text(_GRUB_CONFIG)
        shutil.copy2(root.path / "boot" / f"vmlinuz-{kernel.release(root.path)}", boot / "vmlinuz")
        _grow(root, work / "initramfs")
        with (boot / "initrd").open("wb") as file:
            archive.write(work / "initramfs", file)
        say("making the disk")
        disk.Making(root, work).make(work / "tree", disk.new_uuid(), _SIZE_MIB, work / "disk")
        (work / "disk").replace(out)


def _grow(root: Root, tree: Path) -> None:
    for folder in ("bin", "sbin", "proc", "sys", "dev", "run", "tmp", "etc", "seed"):
        (tree / folder).mkdir(parents=True)
    for name, line in _ACCOUNTS.items():
        (tree / "etc" / name).write_text(line)
    busybox = shutil.copy2(root.find("busybox"), tree / "bin" / "busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True, timeout=60).stdout
    for applet in set(applets.split()) - {"busybox"}:
        (tree / "bin" / applet).symlink_to("busybox")
    root.copy([root.find("modprobe")], tree)
    here = Path(__file__).parent
    for source, place in ((here / "tiny_init", "init"), (here.parent / "ramdisk" / "lease", "bin/lease")):
        shutil.copy2(source, tree / place)
        (tree / place).chmod(0o755)
    kernel.copy_modules(root.path, _DRIVERS, tree)
