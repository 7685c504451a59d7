"""The first loaders: the files that a firmware fetches by TFTP or HTTP boot before iPXE takes over.

The names are an allow-list. What is asked for is looked up in a dictionary, so no path of a request touches the disk.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from pxe.dhcp.policy import LOADERS

_PLACES = {"snponly-arm64.efi": ("arm64-efi/snponly.efi", "snponly-arm64.efi")}


def loaders_in(folder: Path) -> dict[str, Path]:
    """The loaders in `folder` (/usr/lib/ipxe of Debian's package `ipxe`), by the name that clients ask for."""
    places = {name: _PLACES.get(name, (name,)) for name in set(LOADERS.values())}
    found = {name: [folder / place for place in some if (folder / place).is_file()] for name, some in places.items()}
    return {name: paths[0] for name, paths in found.items() if paths}


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
