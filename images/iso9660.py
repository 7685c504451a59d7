"""Where a file lies in the root folder of an ISO 9660 image (ECMA-119, 8.4 and 9.1). No I/O: for images read in pieces.

Reads only what is asked for; longer names (Rock Ridge, Joliet) and folders in folders are not looked at.
"""

from dataclasses import dataclass

from bmprov.errors import Invalid

_SECTOR_BYTES = 2048
_PRIMARY = b"\x01CD001\x01"
_ROOT_RECORD = slice(156, 190)
_LEAST_RECORD_BYTES = 34
_NAME_AT = 33


@dataclass(frozen=True)
class Extent:
    """A part of an image, in bytes."""

    offset: int
    size_bytes: int


DESCRIPTOR = Extent(16 * _SECTOR_BYTES, _SECTOR_BYTES)
"""The primary volume descriptor."""


def root_folder(descriptor: bytes) -> Extent:
    """Where the root folder is.

    Raises:
        Invalid: this is no primary volume descriptor.
    """
    if not descriptor.startswith(_PRIMARY) or len(descriptor) < _ROOT_RECORD.stop:
        raise Invalid("it is no ISO 9660 image")
    return _extent(descriptor[_ROOT_RECORD])


def file_in(folder: bytes, name: str) -> Extent:
    """Where the file of this name in a folder is; upper and lower case are the same.

    Raises:
        Invalid: the folder has no such file.
    """
    place = 0
    while place < len(folder):
        length = folder[place]
        if length == 0:  # records do not cross sectors
            place += _SECTOR_BYTES - place % _SECTOR_BYTES
            continue
        record = folder[place : place + length]
        if len(record) < _LEAST_RECORD_BYTES:
            break
        named = record[_NAME_AT : _NAME_AT + record[_NAME_AT - 1]].decode("ascii", "replace")
        if named.partition(";")[0].lower() == name.lower():
            return _extent(record)
        place += length
    raise Invalid(f"the image has no file {name}")


def _extent(record: bytes) -> Extent:
    """Numbers are kept twice, little-endian first."""
    sector, size_bytes = (int.from_bytes(record[at : at + 4], "little") for at in (2, 10))
    return Extent(sector * _SECTOR_BYTES, size_bytes)
