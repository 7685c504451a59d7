"""A Debian image for tenants: kernel, cloud-init and ssh, booting with BIOS and UEFI, Secure Boot included.

mmdebstrap installs the packages from this host's configured or Debian's own archive; what is particular to an image
(no keys, no machine id, cloud-init from NoCloud alone) is done afterwards, in plain files.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from bmprov.errors import Fatal
from images.ramdisk import packages
from images.ramdisk.programs import Root
from images.system import disk

RELEASES = {"debian-12": "bookworm"}
"""What can be built, and the suite of the archive that it is."""

_PACKAGES = (
    *("linux-image-amd64", "grub-cloud-amd64", "systemd-sysv", "systemd-resolved", "dbus", "ca-certificates"),
    *("cloud-init", "cloud-guest-utils", "netplan.io", "openssh-server", "sudo", "iproute2", "iputils-ping", "less"),
    "systemd-timesyncd",
)
_SIZE_MIB = 2048
_CLOUD = """# bmprov puts the instance's data on a file system of this machine's disk.
datasource_list: [NoCloud, None]
# The image has no other locale, and cloud-init's default is another.
locale: C.UTF-8
manage_etc_hosts: localhost
system_info:
  network:
    renderers: [netplan]
"""
_HOOKS = (
    # cloud-init prefers ifupdown where it is, which changes no MAC and needs net-tools for a default route
    'chroot "$1" dpkg --purge ifupdown',
    'chroot "$1" systemctl enable systemd-networkd',
)
_FSTAB = """UUID={uuid} / ext4 errors=remount-ro 0 1
LABEL=EFI /boot/efi vfat umask=0077,nofail 0 1
"""
_GRUB_CONFIG = """# Until `update-grub` writes its own.
linux /boot/{kernel} root=UUID={uuid} ro console=tty0 console=ttyS0,115200
initrd /boot/{initrd}
boot
"""
_GRUB_DEFAULTS = """GRUB_TIMEOUT=2
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --speed=115200"
GRUB_DISABLE_OS_PROBER=true
"""
_LEFT_OUT = ("etc/hostname", "var/lib/dbus/machine-id", "etc/resolv.conf", "etc/machine-id")
_DEADLINE_S = 1800


def build(release: str, out: Path, say: Callable[[str], object] = lambda _: None) -> None:
    """Build the image of a release as a raw disk.

    Raises:
        Fatal: this is not root, mmdebstrap is missing or failed, or there is no room.
    """
    if os.geteuid():
        raise Fatal("a Debian image is built by root", "its files belong to many users: run it with sudo")
    with tempfile.TemporaryDirectory(prefix=f".{release}-", dir=out.parent) as name:
        work = Path(name)
        say("downloading what makes a disk")
        packages.unpack(packages.with_dependencies(disk.PACKAGES), work / "packages", work / "root")
        say(f"installing {release} (mmdebstrap)")
        tree, filesystem_uuid = work / "tree", disk.new_uuid()
        _install(RELEASES[release], tree, work / "mmdebstrap.log")
        _settle(tree, filesystem_uuid)
        say("making the disk")
        disk.Making(Root(work / "root"), work).make(tree, filesystem_uuid, _SIZE_MIB, work / "disk")
        (work / "disk").replace(out)


def _install(suite: str, tree: Path, log: Path) -> None:
    mmdebstrap = shutil.which("mmdebstrap")
    if mmdebstrap is None:
        raise Fatal("mmdebstrap is missing", "install the Debian package `mmdebstrap`")
    command = [mmdebstrap, "--mode=root", "--variant=important", "--format=directory", "--skip=output/mknod"]
    command += ["--aptopt=Apt::Install-Recommends false", f"--include={','.join(_PACKAGES)}"]
    command += [*(f"--customize-hook={hook}" for hook in _HOOKS), suite, str(tree)]
    with log.open("wb") as file:
        done = subprocess.run(command, stdout=file, stderr=file, timeout=_DEADLINE_S, check=False)
    if done.returncode:
        raise Fatal(f"mmdebstrap failed ({log.read_text(errors='replace')[-500:]})", "look at the way to the archive")


def _settle(tree: Path, filesystem_uuid: str) -> None:
    """What makes an installed system an image."""
    kernels = sorted(path.name for path in (tree / "boot").glob("vmlinuz-*"))
    if not kernels:
        raise Fatal("the installed system has no kernel", "look at the release and its archive")
    names = {"kernel": kernels[-1], "initrd": kernels[-1].replace("vmlinuz", "initrd.img"), "uuid": filesystem_uuid}
    for name in _LEFT_OUT:
        (tree / name).unlink(missing_ok=True)
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()  # every instance makes its own
    (tree / "etc/machine-id").touch()  # empty: systemd makes one at the first boot
    (tree / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    (tree / "boot/efi").mkdir(parents=True, exist_ok=True)
    (tree / "boot/grub").mkdir(parents=True, exist_ok=True)
    (tree / "etc/fstab").write_text(_FSTAB.format(**names))
    (tree / "etc/default/grub").write_text(_GRUB_DEFAULTS)
    (tree / "etc/default/locale").write_text("LANG=C.UTF-8\n")
    (tree / "boot/grub/grub.cfg").write_text(_GRUB_CONFIG.format(**names))
    (tree / "etc/cloud/cloud.cfg.d/90_bmprov.cfg").write_text(_CLOUD)
