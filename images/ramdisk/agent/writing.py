"""The image on its way to the disk: unpacked, cut into pieces, hashed and written at the same time."""

import ctypes
import fcntl
import hashlib
import mmap
import os
import queue
import struct
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from .service import Service
from .words import Broken, GivesUp

PIECE_BYTES = 4 << 20
PIECES = 8  # of memory, for what is fetched and not yet written
BLKZEROOUT, BLKFLSBUF = 0x127F, 0x1261  # linux/fs.h


class Unpacker:
    """zstd's streaming decompression (libzstd's ZSTD_decompressStream), straight into the memory that is written."""

    class _Buffer(ctypes.Structure):
        _fields_ = (("at", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t))

    def __init__(self) -> None:
        self._zstd = ctypes.CDLL("libzstd.so.1")
        self._zstd.ZSTD_createDStream.restype = ctypes.c_void_p
        self._zstd.ZSTD_decompressStream.restype = ctypes.c_size_t
        self._zstd.ZSTD_getErrorName.restype = ctypes.c_char_p
        self._stream = ctypes.c_void_p(self._zstd.ZSTD_createDStream())

    def unpack(self, packed: memoryview, into: "Filling") -> None:
        """Unpack all of these bytes into the pieces that are being filled."""
        source = (ctypes.c_char * len(packed)).from_buffer(packed)
        given = self._Buffer(ctypes.addressof(source), len(packed), 0)
        while True:
            room = into.room()
            target = (ctypes.c_char * len(room)).from_buffer(room)
            taken = self._Buffer(ctypes.addressof(target), len(room), 0)
            code = self._zstd.ZSTD_decompressStream(self._stream, ctypes.byref(taken), ctypes.byref(given))
            if self._zstd.ZSTD_isError(ctypes.c_size_t(code)):
                raise GivesUp(
                    f"the image does not unpack: {self._zstd.ZSTD_getErrorName(ctypes.c_size_t(code)).decode()}"
                )
            del target
            into.filled(taken.pos)
            if given.pos == given.size and taken.pos < taken.size:
                return


class Piece:
    """Memory that is filled with the image's next bytes, then hashed and written by two threads."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, PIECE_BYTES)  # on a page's boundary, as O_DIRECT wants it
        self.offset = 0
        self.length = 0
        self.users = 0


class Filling:
    """Cuts the image's bytes into pieces and hands them on."""

    def __init__(self, free: "queue.Queue[Piece]", full: Callable[[Piece], None]) -> None:
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

    def take(self, data: memoryview) -> None:
        """Put these bytes there."""
        while data:
            room = self.room()
            count = min(len(room), len(data))
            room[:count] = data[:count]
            data = data[count:]
            self.filled(count)

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


class Target:
    """The disk: written around the page cache, in whole pieces, and with holes for zeros."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.zeroed_bytes = 0
        try:
            self._direct = os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_EXCL)
            self._cached = os.open(path, os.O_WRONLY)
        except OSError as error:
            raise GivesUp(f"{path} cannot be opened for writing: {error.strerror}") from error
        self._libc = ctypes.CDLL(None)

    def write(self, piece: Piece) -> None:
        """Write a piece, or tell the disk that it is zero."""
        whole = piece.length == PIECE_BYTES
        if whole and self._is_zero(piece):
            fcntl.ioctl(self._cached, BLKZEROOUT, struct.pack("QQ", piece.offset, piece.length))
            self.zeroed_bytes += piece.length
            return
        data, at = memoryview(piece.memory)[: piece.length], piece.offset
        while data:
            count = os.pwrite(self._direct if whole else self._cached, data, at)
            data, at = data[count:], at + count

    def _is_zero(self, piece: Piece) -> bool:
        if piece.memory[0]:
            return False
        start = ctypes.addressof(ctypes.c_char.from_buffer(piece.memory))
        # each byte equals the next one, and the first is zero
        return not self._libc.memcmp(
            ctypes.c_void_p(start), ctypes.c_void_p(start + 1), ctypes.c_size_t(PIECE_BYTES - 1)
        )

    def finish(self) -> None:
        """Everything is on the disk; the kernel reads its partition table anew."""
        try:
            os.fsync(self._cached)
        except OSError as error:
            raise Broken(f"{self.path} did not keep what was written: {error.strerror}") from error
        os.close(self._direct)
        fcntl.ioctl(self._cached, BLKFLSBUF, 0)
        os.close(self._cached)


class Writing:
    """The image on its way from the service to the disk."""

    def __init__(self, service: Service, image: Mapping[str, Any], target: Target) -> None:
        self._service = service
        self._image = image
        self._target = target
        self._digest = hashlib.sha256()
        self._error: Exception | None = None
        self._free: queue.Queue[Piece] = queue.Queue()
        self._lock = threading.Lock()
        self.written_bytes = 0
        self._queues: list[queue.Queue[Piece | None]] = [queue.Queue(), queue.Queue()]

    def run(self) -> str:
        """Write all of it; the SHA-256 of what was written.

        Raises:
            GivesUp: the service, the image or the disk is not what it should be.
        """
        for _ in range(PIECES):
            self._free.put(Piece())
        workers = [
            threading.Thread(target=self._work, args=(inbox, act), name=name, daemon=True)
            for inbox, act, name in zip(self._queues, (self._hash, self._write), ("hash", "write"), strict=True)
        ]
        for worker in workers:
            worker.start()
        threading.Thread(target=self._tell, name="progress", daemon=True).start()
        self._fetch()
        for inbox in self._queues:
            inbox.put(None)
        for worker in workers:
            worker.join()
        if isinstance(self._error, GivesUp):
            raise self._error
        if self._error:
            raise Broken(f"writing to {self._target.path} failed after {self.written_bytes} bytes: {self._error}")
        return self._verified()

    def _verified(self) -> str:
        found, wanted = self._digest.hexdigest(), self._image["raw_sha256"]
        if found != wanted:
            raise GivesUp(f"what came has SHA-256 {found} and not the image's {wanted}")
        return found

    def _fetch(self) -> None:
        filling = Filling(self._free, self._hand_on)
        unpacker = Unpacker() if self._image["format"] == "raw.zst" else None
        for data in self._service.stream(self._image["url"], int(self._image["size_bytes"])):
            if self._error:
                return
            if unpacker:
                unpacker.unpack(data, filling)
            else:
                filling.take(data)
        filling.end()

    def _hand_on(self, piece: Piece) -> None:
        if piece.offset + piece.length > (size := int(self._image["raw_size_bytes"])):
            raise GivesUp(f"more came than the image's {size} bytes: look whether somebody has changed its file")
        piece.users = len(self._queues)
        for inbox in self._queues:
            inbox.put(piece)

    def _work(self, inbox: "queue.Queue[Piece | None]", act: Callable[[Piece], None]) -> None:
        while piece := inbox.get():
            try:
                if not self._error:
                    act(piece)
            except Exception as error:  # noqa: BLE001 # else the image would wait for this thread for ever
                self._error = error
            with self._lock:
                piece.users -= 1
                done = not piece.users
            if done:
                self._free.put(piece)

    def _hash(self, piece: Piece) -> None:
        self._digest.update(memoryview(piece.memory)[: piece.length])

    def _write(self, piece: Piece) -> None:
        self._target.write(piece)
        self.written_bytes += piece.length

    def _tell(self) -> None:
        total = int(self._image["raw_size_bytes"])
        while self.written_bytes < total and not self._error:
            try:
                self._service.progress(self.written_bytes, total)
            except GivesUp as refused:  # the operation has ended: what it wanted is not wanted any more
                self._error = refused
            time.sleep(1)  # the interval of the calls itself
