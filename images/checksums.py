"""Checksum files as they lie beside images: of coreutils (`HEX  name`, `HEX *name`) and of BSD (`SHA256 (name) = HEX`).

SHA-256 and SHA-512, told apart by their length: Debian publishes its cloud images with SHA512SUMS alone.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from bmprov.errors import Invalid

_COREUTILS = re.compile(r"(\\?)([0-9A-Fa-f]{64}|[0-9A-Fa-f]{128})(?: [ *]?(.+))?")
_BSD = re.compile(r"(\\?)SHA(?:256|512) ?\((.+)\) ?= ?([0-9A-Fa-f]{64}|[0-9A-Fa-f]{128})")
_ESCAPES = {r"\n": "\n", r"\r": "\r", r"\\": "\\"}
_SHA256_DIGITS = 64
_PIECE_BYTES = 2**20


class Mismatch(Invalid):
    """The bytes are not what was promised: they are no use to anybody, also not to the next attempt."""


@dataclass(frozen=True)
class Digests:
    """Both hashes of some bytes, in hexadecimal."""

    sha256: str
    sha512: str

    def check(self, expected: str) -> None:
        """Hold them against one that was promised.

        Raises:
            Mismatch: the bytes are not those.
        """
        name, found = ("SHA-256", self.sha256) if len(expected) == _SHA256_DIGITS else ("SHA-512", self.sha512)
        if found != expected.lower():
            raise Mismatch(f"the image has {name} {found} and not {expected}", "download it again, or look who says so")


class Hasher:
    """Both hashes of bytes that come piece by piece."""

    def __init__(self) -> None:
        self._hashes = (hashlib.sha256(), hashlib.sha512())

    def update(self, data: bytes) -> None:
        """The next bytes."""
        for one in self._hashes:
            one.update(data)

    def digests(self) -> Digests:
        """The hashes of all bytes so far."""
        return Digests(*(one.hexdigest() for one in self._hashes))


def digests(file: IO[bytes]) -> Digests:
    """The hashes of the rest of a file."""
    hasher = Hasher()
    while piece := file.read(_PIECE_BYTES):
        hasher.update(piece)
    return hasher.digests()


def checksum_of(name: str, text: str) -> str:
    """The checksum that a checksum file gives for the file `name`; a lone checksum without a name is anybody's.

    Raises:
        Invalid: there is none, or there are several.
    """
    lines = list(_lines(text))
    found = {digest for named, digest in lines if named.rpartition("/")[2] == name}
    if not found and len(lines) == 1 and not lines[0][0]:
        found = {lines[0][1]}
    longest = {digest for digest in found if len(digest) == max(map(len, found))}
    if len(longest) == 1:
        return longest.pop()
    if found:
        raise Invalid(f"the checksum file gives several checksums for '{name}'", "look into it")
    others = ", ".join(named for named, _ in lines[:5] if named) or "none"
    raise Invalid(f"the checksum file has no SHA-256 and no SHA-512 of '{name}'", f"it names: {others}")


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Names and checksums; lines of any other kind are passed over, as coreutils does."""
    for line in text.splitlines():
        if found := _BSD.fullmatch(line.strip()):
            escaped, name, digest = found.groups()
        elif found := _COREUTILS.fullmatch(line.strip()):
            escaped, digest, name = found.groups()
        else:
            continue
        yield (_unescaped(name) if escaped else name or ""), digest.lower()


def _unescaped(name: str) -> str:
    return re.sub(r"\\[nr\\]", lambda found: _ESCAPES[found[0]], name)
