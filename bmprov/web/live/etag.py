"""The name of a state, from which any process can tell what a page that shows that state lacks.

It holds a checksum of which regions there are, and one of each of 32 groups of them: a page whose checksums are other
than those of now lacks the regions of these groups, whoever painted it, whenever, and whatever was missed since. No
process remembers states, and none has to have seen the state that a page shows.

A checksum is the sum of its regions' digests, 64 bits each, so that one that changes costs no look at the others.
"""

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterable, Mapping

GROUPS = 32

_BYTES = 8
_ROUND = 256**_BYTES
_FORM = struct.Struct(f">{1 + GROUPS}Q")


class Checksums:
    """The checksums of a state, kept while its regions change."""

    def __init__(self, sums: Iterable[int] = (0,) * (1 + GROUPS)) -> None:
        self.names, *self.groups = sums

    @classmethod
    def of(cls, regions: Mapping[str, str]) -> "Checksums":
        """Those of a whole state."""
        checksums = cls()
        for region, html in regions.items():
            checksums.count(region, html)
        return checksums

    @classmethod
    def read(cls, etag: str) -> "Checksums | None":
        """Those that an etag tells; None when it is none of ours."""
        try:
            return cls(_FORM.unpack(base64.urlsafe_b64decode(etag)))
        except (binascii.Error, ValueError, struct.error):
            return None

    @property
    def etag(self) -> str:
        """As text, about 350 characters that need no escaping in an address."""
        return base64.urlsafe_b64encode(_FORM.pack(self.names, *self.groups)).decode()

    def count(self, region: str, html: str, times: int = 1) -> None:
        """Take a region in, or (-1 times) out."""
        self.names = (self.names + times * _digest(region)) % _ROUND
        group = group_of(region)
        self.groups[group] = (self.groups[group] + times * _digest(f"{region}\0{html}")) % _ROUND

    def same_regions(self, other: "Checksums") -> bool:
        """Whether both states are of the same regions, whatever these show."""
        return self.names == other.names

    def differing(self, other: "Checksums") -> set[int]:
        """The groups that are not the same in both."""
        return {group for group in range(GROUPS) if self.groups[group] != other.groups[group]}


def group_of(region: str) -> int:
    """The group that a region's id puts it in."""
    return binascii.crc32(region.encode()) % GROUPS


def _digest(told: str) -> int:
    return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=_BYTES).digest())
