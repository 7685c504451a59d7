"""The ramdisk's CD as simulated machines know it: they read it by ranges over HTTP, as BMCs do, and run nothing of it.

So a stand-in does where no ramdisk is built: ISO 9660 (ECMA-119) with the one file that is read, as small as can be.
"""

from bmprov.sim.http_client import Http
from images import iso9660
from images.iso9660 import Extent
from images.ramdisk import medium

_SECTOR_BYTES = 2048
_FOLDER, _FILE, _END = 18, 19, 20
_IS_FOLDER = 2


async def kernel_arguments(http: Http, url: str) -> dict[str, str]:
    """The arguments that the CD at this address has for the ramdisk's kernel.

    Raises:
        HttpFailed: it cannot be read.
        Invalid: it is not the ramdisk's.
    """

    async def part(extent: Extent) -> bytes:
        return await http.part(url, extent.offset, extent.size_bytes)

    folder = iso9660.root_folder(await part(iso9660.DESCRIPTOR))
    place = iso9660.file_in(await part(folder), medium.ARGUMENTS)
    words = medium.arguments_in(await part(place)).split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def stand_in() -> bytes:
    """A CD that has room for arguments, and nothing that a real machine could boot."""
    folder = b"".join(
        (
            _record(b"\0", _FOLDER, _SECTOR_BYTES, _IS_FOLDER),
            _record(b"\1", _FOLDER, _SECTOR_BYTES, _IS_FOLDER),
            _record(f"{medium.ARGUMENTS.upper()};1".encode(), _FILE, medium.ARGUMENTS_BYTES, 0),
        )
    )
    primary = bytearray(b"\1CD001\1".ljust(_SECTOR_BYTES, b"\0"))
    primary[80:88] = _both(_END, 4)
    primary[128:132] = _both(_SECTOR_BYTES, 2)
    primary[156:190] = _record(b"\0", _FOLDER, _SECTOR_BYTES, _IS_FOLDER)
    sectors = (bytes(primary), b"\xffCD001\1", folder, medium.arguments_file(""))
    return bytes(iso9660.DESCRIPTOR.offset) + b"".join(sector.ljust(_SECTOR_BYTES, b"\0") for sector in sectors)


def _record(name: bytes, sector: int, size_bytes: int, flags: int) -> bytes:
    """A record of a folder (9.1), of no date; its length is even."""
    record = bytes(1) + _both(sector, 4) + _both(size_bytes, 4) + bytes(7) + bytes([flags, 0, 0]) + _both(1, 2)
    record += bytes([len(name)]) + name
    record += bytes((len(record) + 1) % 2)
    return bytes([len(record) + 1]) + record


def _both(number: int, size: int) -> bytes:
    return number.to_bytes(size, "little") + number.to_bytes(size, "big")
