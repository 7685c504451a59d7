"""What a disk image can boot on: its partition table, its boot modes and its architecture.

A BIOS starts the program in sector 0; on a GPT that program needs a BIOS boot partition, or one marked as bootable
(UEFI 2.10, 5.2.1 and 5.3.3). UEFI starts a loader from the EFI system partition (3.5.1.1 and 13.3); the loader's PE
header names the architecture (Microsoft's PE format). Pure. It does not look into the operating system.
"""

import struct
from dataclasses import dataclass

from bmprov.errors import Invalid
from bmprov.model import Arch, BootMode
from images.fat import Fat
from images.partitions import ESP, MBR_ENTRIES, MBR_ESP, Partition, Partitions, Table, read_partitions
from images.source import Source

_PE_HEAD_BYTES = 2**16
_DOS_HEADER_BYTES = 64
_MACHINES = {0x8664: Arch.X86_64, 0xAA64: Arch.AARCH64}
_FALLBACK = {"BOOTX64.EFI": Arch.X86_64, "BOOTAA64.EFI": Arch.AARCH64}
_MOST_LOADERS = 64
_MOST_ESPS = 4


@dataclass(frozen=True)
class Loader:
    """A UEFI loader on the ESP; `arch` is None for one that no machine of ours can start."""

    path: str
    arch: Arch | None

    @property
    def is_fallback(self) -> bool:
        """Whether a firmware starts it from a disk that it has not seen before."""
        folder, _, name = self.path.upper().rpartition("/")
        return folder == "EFI/BOOT" and self.arch is not None and _FALLBACK.get(name) is self.arch


@dataclass(frozen=True)
class Layout:
    """What an image is made of. `remarks` are sentences for whoever adds it."""

    table: Table
    sector_bytes: int
    partitions: tuple[Partition, ...]
    loaders: tuple[Loader, ...]
    boot_modes: tuple[BootMode, ...]
    arch: Arch | None
    min_disk_bytes: int
    remarks: tuple[str, ...] = ()


def read_layout(source: Source) -> Layout:
    """The layout of a disk image.

    Raises:
        Invalid: it has no partition table, or one that cannot be trusted; nothing is known of it then.
    """
    table = read_partitions(source)
    esps = [partition for partition in table.partitions if partition.kind in (ESP, MBR_ESP)][:_MOST_ESPS]
    loaders = tuple(loader for esp in esps for loader in _on(source, esp))
    started = [loader for loader in loaders if loader.arch]
    bios, uefi = table.boot_code, bool(started)
    return Layout(
        table=table.table,
        sector_bytes=table.sector_bytes,
        partitions=table.partitions,
        loaders=loaders,
        boot_modes=((BootMode.BIOS,) if bios else ()) + ((BootMode.UEFI,) if uefi else ()),
        arch=_arch(started, bios=bios),
        min_disk_bytes=max(source.size_bytes, *(partition.end_bytes for partition in table.partitions), 0),
        remarks=tuple(_remarks(source, table, loaders)),
    )


def _arch(started: list[Loader], *, bios: bool) -> Arch | None:
    """The one architecture of the loaders that firmwares find; several say nothing about the system behind them."""
    found = {one.arch for one in started if one.is_fallback} or {one.arch for one in started}
    if not found and bios:
        return Arch.X86_64
    return found.pop() if len(found) == 1 else None


def _on(source: Source, partition: Partition) -> list[Loader]:
    """The loaders of an ESP: the files `EFI/*/*.EFI`."""
    try:
        fat = Fat(source, partition.start_bytes, partition.size_bytes)
        efi = next((entry for entry in fat.entries() if entry.is_folder and entry.name.upper() == "EFI"), None)
        folders = [entry for entry in (fat.entries(efi) if efi else []) if entry.is_folder]
        files = [
            (folder, file)
            for folder in folders[:_MOST_LOADERS]
            for file in fat.entries(folder)
            if file.name.upper().endswith(".EFI") and not file.is_folder
        ]
        found = [
            Loader(f"EFI/{folder.name}/{file.name}", program_arch(fat.head(file, _PE_HEAD_BYTES)))
            for folder, file in files[:_MOST_LOADERS]
        ]
    except Invalid as error:
        raise Invalid(f"partition {partition.number}, the ESP, cannot be read ({error.why})", error.check) from error
    return found


def program_arch(head: bytes) -> Arch | None:
    """The architecture in the PE header of a loader or a kernel; None when it is another one, or no program."""
    if len(head) < _DOS_HEADER_BYTES or head[:2] != b"MZ":
        return None
    (place,) = struct.unpack_from("<I", head, 0x3C)
    signature, machine = head[place : place + 4], head[place + 4 : place + 6]
    return _MACHINES.get(int.from_bytes(machine, "little")) if signature == b"PE\0\0" else None


def _remarks(source: Source, table: Partitions, loaders: tuple[Loader, ...]) -> list[str]:
    started = [loader for loader in loaders if loader.arch]
    primary = [one for one in table.partitions if one.number <= MBR_ENTRIES]
    full = table.table is Table.MBR and len(primary) == MBR_ENTRIES
    cut = [str(one.number) for one in table.partitions if one.end_bytes > source.size_bytes]
    return [
        *([table.remark] if table.remark else []),
        *(
            [f"its sectors have {table.sector_bytes} bytes, so it boots from such disks only"]
            if table.sector_bytes != 512  # noqa: PLR2004 - the size that nearly every disk tells
            else []
        ),
        *(["it has no room for the instance's data: all four entries of its MBR are taken"] if full else []),
        *([f"partition {', '.join(cut)} reaches beyond the image's end"] if cut else []),
        *(
            [f"no loader at EFI/BOOT, only {started[0].path}: a firmware may not find it on a new disk"]
            if started and not any(loader.is_fallback for loader in started)
            else []
        ),
        *(["nothing in it boots"] if not started and not table.boot_code else []),
    ]
