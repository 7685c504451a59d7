"""The digest that says what is on a disk: of pieces, so that all of a machine's processors make it at once.

SHA-512 (FIPS 180-4) of the SHA-512 digests of the content's pieces of 4 MiB, in their order; the last piece may be
shorter. SHA-512 is the faster one of its family on processors without SHA instructions, and most servers have none.
"""

import hashlib
from collections.abc import Iterable

PIECE_BYTES = 4 << 20
ZERO_PIECE = hashlib.sha512(bytes(PIECE_BYTES)).digest()


def root(pieces: Iterable[bytes]) -> str:
    """The digest of a content whose pieces have these digests, in hexadecimal digits."""
    return hashlib.sha512(b"".join(pieces)).hexdigest()


class Tree:
    """The digest of a content that comes bit by bit, in one thread."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._piece = hashlib.sha512()
        self._room = PIECE_BYTES

    def update(self, data: bytes) -> None:
        """The next bytes."""
        rest = memoryview(data)
        while rest:
            part = rest[: self._room]
            self._piece.update(part)
            self._room -= len(part)
            rest = rest[len(part) :]
            if not self._room:
                self._end()

    def hexdigest(self) -> str:
        """The digest of what has come; this is its end."""
        if self._room < PIECE_BYTES:
            self._end()
        return root(self._pieces)

    def _end(self) -> None:
        self._pieces.append(self._piece.digest())
        self._piece, self._room = hashlib.sha512(), PIECE_BYTES
