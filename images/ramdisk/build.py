"""`bmprov image build-ramdisk`: kernel, initramfs and a CD of both from this host's Debian archives, without root."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from images.ramdisk import archive, cd, kernel, medium, packages
from images.ramdisk.flavours import COMMON_PACKAGES, Flavour
from images.ramdisk.programs import Root
from images.ramdisk.python import copy_agent

KERNEL, INITRD = "vmlinuz", "initrd"
"""The names of what is built, in the folder that `bmprov pxe http` serves them from."""

_HERE = Path(__file__).parent
_PROGRAMS = ("modprobe", "sfdisk", "resize2fs", "e2fsck", "mkfs.fat", "efibootmgr")
_FOLDERS = ("proc", "sys", "dev", "run", "tmp", "etc")


@dataclass(frozen=True)
class Built:
    """A ramdisk as it was built, in bytes."""

    kernel_release: str
    modules: int
    kernel_bytes: int
    initrd_bytes: int
    cd_bytes: int


def build(flavour: Flavour, into: Path, say: Callable[[str], object] = lambda _: None) -> Built:
    """Build a ramdisk into a folder; what is there is replaced when the new one is whole.

    Raises:
        Fatal: apt, dpkg or the packages are not what is needed; the text says what to check.
    """
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".ramdisk-", dir=into) as name:
        work = Path(name)
        say("downloading and unpacking Debian packages")
        packages.unpack(_packages(flavour), work / "packages", work / "root")
        say("collecting kernel modules, programs and Python")
        modules = _grow(Root(work / "root"), flavour, work / "tree")
        say("compressing")
        with (work / INITRD).open("wb") as file:
            archive.write(work / "tree", file)
        release = kernel.release(work / "root")
        shutil.copy2(work / "root" / "boot" / f"vmlinuz-{release}", work / KERNEL)
        say("making the CD for virtual media")
        cd.make(Root(work / "root"), work / KERNEL, work / INITRD, work, work / medium.NAME)
        for part in (KERNEL, INITRD, medium.NAME):
            (work / part).chmod(0o644)
            (work / part).replace(into / part)
    sizes = [(into / part).stat().st_size for part in (KERNEL, INITRD, medium.NAME)]
    return Built(release, modules, *sizes)


def _packages(flavour: Flavour) -> list[str]:
    firmware = packages.available(flavour.firmware)
    return [
        *packages.newest_kernel(flavour.kernels),
        *packages.with_dependencies([*COMMON_PACKAGES, *cd.PACKAGES]),
        *firmware,
    ]


def _copy_busybox(root: Root, tree: Path) -> None:
    """Busybox under the names of all its applets; programs of the same name in sbin come first on the PATH."""
    busybox = shutil.copy2(root.find("busybox"), tree / "bin" / "busybox")
    told = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True, timeout=60)
    for applet in told.stdout.split():
        if applet != "busybox":
            (tree / "bin" / applet).symlink_to("busybox")


def _grow(root: Root, flavour: Flavour, tree: Path) -> int:
    """Put together what becomes the initramfs. How many kernel modules are in it."""
    for folder in (*_FOLDERS, "bin", "sbin", "usr/bin", "usr/sbin"):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    _copy_busybox(root, tree)
    root.copy([root.find(program) for program in _PROGRAMS], tree)
    copy_agent(root, tree)
    for script, place in (("init", "init"), ("lease", "bin/lease")):
        shutil.copy2(_HERE / script, tree / place)
        (tree / place).chmod(0o755)
    if flavour.firmware and (root.path / "lib" / "firmware").is_dir():
        shutil.copytree(root.path / "lib" / "firmware", tree / "lib" / "firmware", symlinks=True, dirs_exist_ok=True)
    return kernel.copy_modules(root.path, flavour.drivers, tree)
