"""The first loaders: the files that a firmware fetches by TFTP or HTTP boot, iPXE's, or shim and GRUB.

The names are an allow-list. What is asked for is looked up in a dictionary, so no path of a request touches the disk.
"""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from bmprov.model import Arch
from images.layout import program_arch
from pxe.dhcp.policy import LOADERS
from pxe.dhcp.secure_boot import GRUBS

RAMDISK_FILES: Mapping[str, str] = {"kernel": "vmlinuz", "initrd": "initrd"}
"""The names of the ramdisk's files in its folder, by what machines ask for."""

_HEAD_BYTES = 4096
_GRUB_SCRIPT = Path(__file__).with_name("grub.cfg")
_PLACES = {
    # Debian 12 has none for arm64, Debian 13's is the one with all drivers
    "snponly-arm64.efi": ("snponly-arm64.efi", "arm64-efi/snponly.efi", "ipxe-arm64.efi"),
    "shimx64.efi": ("shimx64.efi", "/usr/lib/shim/shimx64.efi.signed"),
    "grubx64.efi": ("grubx64.efi", "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed"),
    "shimaa64.efi": ("shimaa64.efi", "/usr/lib/shim/shimaa64.efi.signed"),
    "grubaa64.efi": ("grubaa64.efi", "/usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed"),
}


def files_for_tftp(folder: Path, ramdisk: Path) -> dict[str, Path]:
    """The loaders, and for GRUB, which has no HTTP, the ramdisk: it may be built while they are served already."""
    return loaders_in(folder) | {f"ramdisk/{name}": ramdisk / file for name, file in RAMDISK_FILES.items()}


def loaders_in(folder: Path) -> dict[str, Path]:
    """The loaders in `folder` (/usr/lib/ipxe of Debian's package `ipxe`), by the name that clients ask for.

    Where there are any, shim and GRUB come with them from their own Debian packages.
    """
    found = _found(folder, LOADERS.values())
    if not found:
        return {}
    grubs = _found(folder, GRUBS.values())
    shims = _found(folder, (shim for shim, grub in GRUBS.items() if grub in grubs))
    return found | grubs | shims | {"grub/grub.cfg": _GRUB_SCRIPT}


def kernel_arch(ramdisk: Path) -> Arch | None:
    """The architecture that the ramdisk in this folder is for; None when that cannot be told."""
    try:
        with (ramdisk / RAMDISK_FILES["kernel"]).open("rb") as kernel:
            return program_arch(kernel.read(_HEAD_BYTES))
    except OSError:
        return None  # whoever asks for the kernel itself is told


def _found(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    places = {name: [folder / place for place in _PLACES.get(name, (name,))] for name in set(names)}
    there = {name: [path for path in paths if path.is_file()] for name, paths in places.items()}
    return {name: paths[0] for name, paths in there.items() if paths}


class Shelf:
    """Loaders in memory, one copy however many machines fetch it; read anew when the file has changed."""

    def __init__(self, loaders: Mapping[str, Path]) -> None:
        self._loaders = dict(loaders)
        self._held: dict[Path, tuple[int, bytes]] = {}

    @property
    def names(self) -> list[str]:
        """What can be asked for."""
        return sorted(self._loaders)

    def open(self, name: str) -> IO[bytes]:
        """A loader, by its name, with or without slashes before it (some ROMs put one there).

        Raises:
            KeyError: no loader has this name.
            OSError: the file cannot be read any more.
        """
        path = self._loaders[name.lstrip("/")]
        changed_ns = path.stat().st_mtime_ns
        held = self._held.get(path)
        if held is None or held[0] != changed_ns:
            held = self._held[path] = (changed_ns, path.read_bytes())
        return io.BytesIO(held[1])  # shares the bytes until somebody writes, which nobody does
