"""The image's bytes between the network and the disk: unpacked when they have to be, and cut into pieces."""

import ctypes
import mmap
import queue
from collections.abc import Callable

from .service import READ_BYTES
from .tree import PIECE_BYTES
from .words import GivesUp


class Piece:
    """Memory that is filled with the image's next bytes."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, PIECE_BYTES)  # on a page's boundary, as O_DIRECT wants it
        self.offset = 0
        self.length = 0
        self._libc = ctypes.CDLL(None)

    @property
    def content(self) -> memoryview:
        """What it is filled with."""
        return memoryview(self.memory)[: self.length]

    def is_zero(self) -> bool:
        """Whether it is whole and all zeros."""
        if self.length < PIECE_BYTES or self.memory[0]:
            return False
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        # each byte equals the next one, and the first is zero
        return not self._libc.memcmp(
            ctypes.c_void_p(start), ctypes.c_void_p(start + 1), ctypes.c_size_t(PIECE_BYTES - 1)
        )


class Filling:
    """Cuts the image's bytes into pieces and hands them on."""

    def __init__(self, free: queue.Queue[Piece], full: Callable[[Piece], None]) -> None:
        self._free = free
        self._full = full
        self._offset = 0
        self._piece = self._next()

    def room(self) -> memoryview:
        """Where the next bytes go; never empty."""
        return memoryview(self._piece.memory)[self._piece.length :]

    def filled(self, count: int) -> None:
        """So many bytes were put there."""
        self._piece.length += count
        if self._piece.length == PIECE_BYTES:
            self.end()

    def end(self) -> None:
        """Hand on what there is."""
        if self._piece.length:
            self._offset += self._piece.length
            self._full(self._piece)
            self._piece = self._next()

    def _next(self) -> Piece:
        piece = self._free.get()
        piece.offset, piece.length = self._offset, 0
        return piece


class Unpacker:
    """zstd's streaming decompression (libzstd's ZSTD_decompressStream), straight into the memory that is written."""

    class _Buffer(ctypes.Structure):
        _fields_ = (("at", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t))

    def __init__(self, into: Filling) -> None:
        self._into = into
        self._packed = bytearray(READ_BYTES)
        self._zstd = ctypes.CDLL("libzstd.so.1")
        self._zstd.ZSTD_createDStream.restype = ctypes.c_void_p
        self._zstd.ZSTD_decompressStream.restype = ctypes.c_size_t
        self._zstd.ZSTD_getErrorName.restype = ctypes.c_char_p
        self._stream = ctypes.c_void_p(self._zstd.ZSTD_createDStream())

    def room(self) -> memoryview:
        """Where the next packed bytes go."""
        return memoryview(self._packed)

    def filled(self, count: int) -> None:
        """So many packed bytes were put there: unpack them into the pieces that are being filled."""
        source = (ctypes.c_char * count).from_buffer(self._packed)
        given = self._Buffer(ctypes.addressof(source), count, 0)
        while True:
            room = self._into.room()
            target = (ctypes.c_char * len(room)).from_buffer(room)
            taken = self._Buffer(ctypes.addressof(target), len(room), 0)
            code = self._zstd.ZSTD_decompressStream(self._stream, ctypes.byref(taken), ctypes.byref(given))
            if self._zstd.ZSTD_isError(ctypes.c_size_t(code)):
                raise GivesUp(
                    f"the image does not unpack: {self._zstd.ZSTD_getErrorName(ctypes.c_size_t(code)).decode()}"
                )
            self._into.filled(taken.pos)
            if given.pos == given.size and taken.pos < taken.size:
                return
