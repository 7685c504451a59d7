"""The image on its way to the disk: cut into pieces, which all processors hash and write at once."""

import fcntl
import hashlib
import os
import queue
import struct
import threading
import time
from collections.abc import Mapping
from typing import Any

from .pieces import Filling, Piece, Unpacker
from .service import Service, Sink
from .tree import PIECE_BYTES, ZERO_PIECE, root
from .words import Broken, GivesUp

WORKERS = max(2, min(8, os.cpu_count() or 1))
PIECES = WORKERS + 4  # of memory, for what is fetched and not yet written
BLKZEROOUT, BLKFLSBUF = 0x127F, 0x1261  # linux/fs.h


class Target:
    """The disk: written around the page cache, in whole pieces, and with holes for zeros."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._direct = os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_EXCL)
            self._cached = os.open(path, os.O_WRONLY)
        except OSError as error:
            raise GivesUp(f"{path} cannot be opened for writing: {error.strerror}") from error

    def write(self, piece: Piece) -> None:
        """Write a piece; several threads may."""
        data, at = piece.content, piece.offset
        disk = self._direct if piece.length == PIECE_BYTES else self._cached
        while data:
            count = os.pwrite(disk, data, at)
            data, at = data[count:], at + count

    def write_zeros(self, piece: Piece) -> None:
        """Tell the disk that all of a piece is zero; many need not write that."""
        fcntl.ioctl(self._cached, BLKZEROOUT, struct.pack("QQ", piece.offset, piece.length))

    def finish(self) -> None:
        """Everything is on the disk; the kernel reads its partition table anew."""
        try:
            os.fsync(self._cached)
        except OSError as error:
            raise Broken(f"{self.path} did not keep what was written: {error.strerror}") from error
        os.close(self._direct)
        fcntl.ioctl(self._cached, BLKFLSBUF, 0)
        os.close(self._cached)


class Stopped(Exception):
    """The image is fetched no further: what went wrong is known."""


class Writing:
    """The image on its way from the service to the disk."""

    def __init__(self, service: Service, image: Mapping[str, Any], target: Target) -> None:
        self._service = service
        self._image = image
        self._target = target
        self._error: Exception | None = None
        self._free: queue.Queue[Piece] = queue.Queue()
        self._full: queue.Queue[Piece | None] = queue.Queue()
        self._lock = threading.Lock()
        self._digests: dict[int, bytes] = {}
        self.written_bytes = 0
        self.zeroed_bytes = 0

    def run(self) -> str:
        """Write all of it; the tree's digest of what was written.

        Raises:
            GivesUp: the service, the image or the disk is not what it should be.
        """
        for _ in range(PIECES):
            self._free.put(Piece())
        workers = [threading.Thread(target=self._work, name=f"writer-{n}", daemon=True) for n in range(WORKERS)]
        for worker in workers:
            worker.start()
        threading.Thread(target=self._tell, name="progress", daemon=True).start()
        self._fetch()
        for _ in workers:
            self._full.put(None)
        for worker in workers:
            worker.join()
        if isinstance(self._error, GivesUp):
            raise self._error
        if self._error:
            raise Broken(f"writing to {self._target.path} failed after {self.written_bytes} bytes: {self._error}")
        return self._verified()

    def _verified(self) -> str:
        found, wanted = root(self._digests[offset] for offset in sorted(self._digests)), self._image["raw_tree_sha512"]
        if found != wanted:
            raise GivesUp(f"what came has the digest {found[:16]}… and not the image's {wanted[:16]}…")
        return found

    def _fetch(self) -> None:
        filling = Filling(self._free, self._hand_on)
        sink: Sink = Unpacker(filling) if self._image["format"] == "raw.zst" else filling
        try:
            self._service.stream(self._image["url"], int(self._image["size_bytes"]), sink)
            filling.end()
        except Stopped:
            return

    def _hand_on(self, piece: Piece) -> None:
        if self._error:
            raise Stopped
        if piece.offset + piece.length > (size := int(self._image["raw_size_bytes"])):
            raise GivesUp(f"more came than the image's {size} bytes: look whether somebody has changed its file")
        self._full.put(piece)

    def _work(self) -> None:
        while piece := self._full.get():
            try:
                if not self._error:
                    self._put(piece)
            except Exception as error:  # noqa: BLE001 # else the image would wait for this thread for ever
                self._error = error
            self._free.put(piece)

    def _put(self, piece: Piece) -> None:
        """Hash a piece and write it."""
        zero = piece.is_zero()
        digest = ZERO_PIECE if zero else hashlib.sha512(piece.content).digest()
        if zero:
            self._target.write_zeros(piece)
        else:
            self._target.write(piece)
        with self._lock:
            self._digests[piece.offset] = digest
            self.written_bytes += piece.length
            self.zeroed_bytes += piece.length if zero else 0

    def _tell(self) -> None:
        total = int(self._image["raw_size_bytes"])
        while self.written_bytes < total and not self._error:
            try:
                self._service.progress(self.written_bytes, total)
            except GivesUp as refused:  # the operation has ended: what it wanted is not wanted any more
                self._error = refused
            time.sleep(1)  # the interval of the calls itself
