"""An arm64 machine with Secure Boot, as far as its kernel: bmprov builds no ramdisk for it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import debian
from tests.lab.lab import lab
from tests.lab.qemu import Firmware
from tests.lab.timeline import printed, seconds_to

LOADERS = {
    "shimaa64.efi": ("shim-signed", "usr/lib/shim/shimaa64.efi.signed"),
    "grubaa64.efi": ("grub-efi-arm64-signed", "usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed"),
}


@pytest.fixture
def loaders(tmp_path: Path) -> Path:
    """Debian's signed loaders for arm64, beside this host's own.

    They come from this host's archives, checked by apt, in a state of its own: the host keeps its one architecture.
    """
    folder, apt = tmp_path / "loaders", tmp_path / "apt"
    (apt / "lists" / "partial").mkdir(parents=True)
    (apt / "status").touch()
    folder.mkdir()
    shutil.copy(debian.file("/usr/lib/ipxe/snponly.efi", "ipxe"), folder)
    own = (f"Dir::State={apt}", f"Dir::State::status={apt}/status", f"Dir::Cache={apt}", "APT::Sandbox::User=root")
    told = [word for each in (*own, "APT::Architecture=arm64", "APT::Architectures=arm64") for word in ("-o", each)]
    for words in (["update"], ["download", *(package for package, _ in LOADERS.values())]):
        command = [debian.program("apt-get", "apt"), "--quiet", *told, *words]
        done = subprocess.run(command, cwd=apt, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for package in apt.glob("*.deb"):
        subprocess.run([debian.program("dpkg", "dpkg"), "-x", str(package), str(apt / "root")], check=True)
    for name, (_, place) in LOADERS.items():
        shutil.copy(apt / "root" / place, folder / name)
    return folder


@pytest.mark.long
@pytest.mark.timeout(300)
def test_arm64_fetches_its_kernel_through_shim_and_grub(loaders: Path, tmp_path: Path) -> None:
    """By option 93. GRUB asks for a kernel only when it has read the token in DHCP's answer."""
    with lab(tmp_path / "lab", loaders=loaders) as running:
        running.ramdisk.mkdir(parents=True)
        (running.ramdisk / "vmlinuz").write_bytes(b"nothing that shim would let run")
        running.machine("m1", Firmware.SECURE_ARM64)
        running.deploy()
        seconds = running.wait("m1", "name=/ramdisk/kernel outcome=sent", 200)
        print(f"arm64 fetched its kernel after {seconds:.1f} s")
        events = running.events("m1")
        print(printed(events))
    assert seconds_to(events, "client=uefi-arm64 answer=ACK") < seconds_to(events, "name=shimaa64.efi outcome=sent")
