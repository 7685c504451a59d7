"""What a virtual machine's disk file says of itself, read before any program opens it.

qcow2 (QEMU, docs/interop/qcow2.txt), VMDK (VMware, Virtual Disk Format 5.0), VHDX (MS-VHDX), VHD (Microsoft, Virtual
Hard Disk Image Format Specification). A file that names other files is refused: a program that follows those names puts
into the image whatever the operator may read. Even `qemu-img info` opens the external data file of a qcow2.
"""

import re
import struct
from collections.abc import Callable, Mapping
from typing import IO

from bmprov.errors import Invalid

_HEAD_BYTES = 2**16
_SECTOR_BYTES = 512
_VHD_MAGIC = b"conectix"
_MAGICS = {b"QFI\xfb": "qcow2", b"KDMV": "vmdk", b"vhdxfile": "vhdx", _VHD_MAGIC: "vpc"}
_DESCRIPTOR = b"# Disk DescriptorFile"
_LONGEST_DESCRIPTOR = 2**20

_QCOW2_VERSIONS = (2, 3)
_CORRUPT, _EXTERNAL_DATA = 1 << 1, 1 << 2
_VHD_WHOLE = (2, 3)  # fixed and dynamic; 4 is a difference to another file
_EXTENT = re.compile(rb"^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\w+)", re.MULTILINE)
_PARENT = re.compile(rb"parentFileNameHint|parentCID\s*=\s*(?!ffffffff)", re.IGNORECASE)


def recognise(file: IO[bytes]) -> str | None:
    """qemu-img's name of the format, after everything in the file that leads out of it has been refused.

    None for what is no virtual machine's disk. A VHD of fixed size is told by its last sector.

    Raises:
        Invalid: the file depends on another one, or is damaged.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if head.startswith(_DESCRIPTOR):
        raise Invalid("this VMDK only describes a disk whose data are in other files", _ONE_FILE)
    found = next((name for magic, name in _MAGICS.items() if head.startswith(magic)), None)
    if found is None and (size := file.seek(0, 2)) > _SECTOR_BYTES:
        file.seek(size - _SECTOR_BYTES)
        head = file.read(_SECTOR_BYTES)
        found = "vpc" if head.startswith(_VHD_MAGIC) else None
    if found:
        _CHECKS[found](file, head.ljust(_HEAD_BYTES, b"\0"))
    return found


_ONE_FILE = "make one file of it: qemu-img convert -O qcow2, where the other files are"


def _qcow2(_file: IO[bytes], head: bytes) -> None:
    version, backing_at, backing_bytes = struct.unpack_from(">IQI", head, 4)
    (encryption,) = struct.unpack_from(">I", head, 32)
    features = struct.unpack_from(">Q", head, 72)[0] if version > _QCOW2_VERSIONS[0] else 0
    if version not in _QCOW2_VERSIONS:
        raise Invalid(f"this is qcow version {version}", "only versions 2 and 3 are read")
    if backing_at or backing_bytes:
        raise Invalid("this qcow2 is the difference to a backing file", _ONE_FILE)
    if features & _EXTERNAL_DATA:
        raise Invalid("the data of this qcow2 are in another file", _ONE_FILE)
    if features & _CORRUPT:
        raise Invalid("this qcow2 is marked as corrupt", "look with `qemu-img check`")
    if encryption:
        raise Invalid("this qcow2 is encrypted", "decrypt it first")


def _vmdk(file: IO[bytes], head: bytes) -> None:
    capacity, descriptor_at, descriptor_sectors = struct.unpack_from("<Q8xQQ", head, 12)
    if not capacity:
        raise Invalid("this VMDK only describes a disk whose data are in other files", _ONE_FILE)
    file.seek(min(descriptor_at * _SECTOR_BYTES, 2**62))
    descriptor = file.read(min(descriptor_sectors * _SECTOR_BYTES, _LONGEST_DESCRIPTOR))
    extents = _EXTENT.findall(descriptor)
    if _PARENT.search(descriptor) or _PARENT.search(head):  # QEMU looks for it in sector 1, wherever the descriptor is
        raise Invalid("this VMDK is the difference to another disk", _ONE_FILE)
    if [kind.upper() for kind in extents] not in ([], [b"SPARSE"]):
        raise Invalid("the data of this VMDK are in other files", _ONE_FILE)


def _vhdx(_file: IO[bytes], _head: bytes) -> None:
    """Nothing: QEMU refuses a VHDX with a parent, and the format has no other names in it."""


def _vhd(_file: IO[bytes], head: bytes) -> None:
    (kind,) = struct.unpack_from(">I", head, 60)
    if kind not in _VHD_WHOLE:
        raise Invalid("this VHD is the difference to another disk", _ONE_FILE)


_CHECKS: Mapping[str, Callable[[IO[bytes], bytes], None]] = {
    "qcow2": _qcow2,
    "vmdk": _vmdk,
    "vhdx": _vhdx,
    "vpc": _vhd,
}

FORMATS = tuple(_CHECKS)
"""qemu-img's names of what is recognised; `vpc` is VHD."""
