"""Which loaders there are, by what is installed."""

import subprocess
from pathlib import Path

import pytest

from bmprov.model import Arch
from pxe import loaders
from pxe.dhcp.packet import Option
from tests import debian

PLACES = dict(loaders._PLACES)


def pe(machine: int) -> bytes:
    """The head of a program for UEFI (Microsoft's PE format)."""
    return b"MZ".ljust(0x3C, b"\0") + (64).to_bytes(4, "little") + b"PE\0\0" + machine.to_bytes(2, "little")


@pytest.fixture
def nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a host without Debian's signed loaders."""
    own = {name: places[:1] for name, places in loaders._PLACES.items()}
    monkeypatch.setattr(loaders, "_PLACES", own)


def put(folder: Path, *names: str) -> set[str]:
    for name in names:
        (folder / name).write_bytes(b"loader")
    return set(loaders.loaders_in(folder))


@pytest.mark.usefixtures("nowhere_else")
def test_shim_is_there_with_its_grub_only(tmp_path: Path) -> None:
    """Alone it would fetch in vain; and where there is no iPXE there is nothing to serve."""
    assert put(tmp_path) == set()
    assert put(tmp_path, "shimx64.efi") == set()
    assert put(tmp_path, "snponly.efi") == {"snponly.efi", "grub/grub.cfg"}
    assert put(tmp_path, "grubaa64.efi") == {"snponly.efi", "grubaa64.efi", "grub/grub.cfg"}
    assert put(tmp_path, "grubx64.efi") >= {"shimx64.efi", "grubx64.efi"}


@pytest.mark.usefixtures("nowhere_else")
@pytest.mark.parametrize("place", ["snponly-arm64.efi", "arm64-efi/snponly.efi", "ipxe-arm64.efi"])
def test_arm64_has_one_of_several_loaders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """An operator's own, the one of Debian's ipxe-arm64 folder, or Debian 13's, which has all drivers."""
    monkeypatch.setitem(loaders._PLACES, "snponly-arm64.efi", PLACES["snponly-arm64.efi"])
    (tmp_path / place).parent.mkdir(exist_ok=True)
    assert put(tmp_path, place) == {"snponly-arm64.efi", "grub/grub.cfg"}
    assert loaders.loaders_in(tmp_path)["snponly-arm64.efi"] == tmp_path / place


def test_the_ramdisk_s_architecture_is_its_kernel_s(tmp_path: Path) -> None:
    """As its PE header says, which Linux has for UEFI; nothing is said of what has none, or is not there."""
    assert loaders.kernel_arch(tmp_path) is None
    for machine, arch in ((0x8664, Arch.X86_64), (0xAA64, Arch.AARCH64), (0x5064, None)):
        (tmp_path / "vmlinuz").write_bytes(pe(machine))
        assert loaders.kernel_arch(tmp_path) is arch


def test_the_ramdisk_may_be_built_while_it_is_served(tmp_path: Path) -> None:
    """By TFTP for GRUB, by names of our own choice; what is not there yet is an error of that one request."""
    shelf = loaders.Shelf(loaders.files_for_tftp(tmp_path, tmp_path / "ramdisk"))
    assert shelf.names == ["ramdisk/initrd", "ramdisk/kernel"]
    with pytest.raises(FileNotFoundError):
        shelf.open("/ramdisk/kernel")
    (tmp_path / "ramdisk").mkdir()
    (tmp_path / "ramdisk" / "vmlinuz").write_bytes(b"Linux")
    assert shelf.open("/ramdisk/kernel").read() == b"Linux"
    with pytest.raises(KeyError):
        shelf.open("ramdisk/../secret.key")


def test_grub_can_read_its_script() -> None:
    """As its own checker says; and it asks for the option that DHCP sends."""
    checker = debian.program("grub-script-check", "grub-common")
    done = subprocess.run([checker, "-v", str(loaders._GRUB_SCRIPT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f" {Option.KERNEL_ARGUMENTS} string" in loaders._GRUB_SCRIPT.read_text()
