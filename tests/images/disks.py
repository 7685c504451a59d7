"""Disk images made by the tools that make them everywhere: sfdisk, mkfs.vfat, mtools, with iPXE as a real loader."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import debian

MIB = 2**20
DISK_MIB = 40
ESP_AT_MIB, ESP_MIB = 4, 34
BOOT_CODE = b"\xeb\x63\x90" + b"GRUB".ljust(100, b"\x90")

GPT = f"""label: gpt
start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649, name=bios
start={ESP_AT_MIB}MiB, size={ESP_MIB}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp
"""
GPT_WITHOUT_BIOS = "\n".join(line for line in GPT.splitlines() if "bios" not in line)
MBR = f"""label: dos
start=1MiB, size=1MiB, type=83, bootable
start={ESP_AT_MIB}MiB, size={ESP_MIB}MiB, type=ef
"""
LOGICAL = """label: dos
start=1MiB, size=1MiB, type=83
start=4MiB, size=30MiB, type=5
start=5MiB, size=2MiB, type=83
start=9MiB, size=20MiB, type=ef
"""


@dataclass(frozen=True)
class Loaders:
    """Real UEFI loaders: iPXE's of Debian, and the same with another architecture in its PE header."""

    x86_64: bytes
    aarch64: bytes


def loaders() -> Loaders:
    real = debian.file("/usr/lib/ipxe/snponly.efi", "ipxe").read_bytes()
    at = int.from_bytes(real[0x3C:0x40], "little") + 4
    assert real[at : at + 2] == b"\x64\x86"
    return Loaders(real, real[:at] + b"\x64\xaa" + real[at + 2 :])


def disk(path: Path, table: str, files: Mapping[str, bytes] | None, *, boot_code: bytes = b"", fat: int = 16) -> Path:
    """A disk with this partition table (sfdisk's language) and these files on its ESP, or none there."""
    with path.open("wb") as file:
        file.truncate(DISK_MIB * MIB)
    run(debian.program("sfdisk", "fdisk"), "--quiet", str(path), feed=table.encode())
    with path.open("r+b") as file:
        file.write(boot_code)
        if files is not None:
            file.seek(ESP_AT_MIB * MIB)
            file.write(esp(path.with_suffix(".esp"), files, fat))
    return path


def esp(path: Path, files: Mapping[str, bytes], fat: int = 16, size_mib: int = ESP_MIB) -> bytes:
    """A FAT filesystem with these files."""
    options = ["-F", str(fat), *(["-s", "32"] if fat == 12 else [])]
    run(debian.program("mkfs.vfat", "dosfstools"), *options, "-n", "ESP", "-C", str(path), str(size_mib * 1024))
    for name in sorted({str(parent) for file in files for parent in Path(file).parents} - {"."}):
        run(debian.program("mmd", "mtools"), "-i", str(path), f"::/{name}")
    for name, content in files.items():
        run(debian.program("mcopy", "mtools"), "-i", str(path), "-", f"::/{name}", feed=content)
    return path.read_bytes()


def run(*command: str, feed: bytes = b"") -> bytes:
    done = subprocess.run(command, input=feed, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout
