"""What has arrived of a download, so that it goes on where it broke off: in this run, or in the next.

Beside the bytes lies a note with the server's strong validator (RFC 9110, 8.8.1) and the size that it told. A run that
takes up another's bytes hashes them again. The URL is not in it, because it may hold a password; files are named by
its hash, and a lock keeps two runs apart.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from bmprov.errors import Conflict, Fatal
from images.checksums import Digests, Hasher

_PIECE_BYTES = 2**20
_ABANDONED_S = 14 * 86_400.0


class Partial:
    """A file that is being downloaded into. With a `note` it may be taken up by a later run."""

    def __init__(self, file: IO[bytes], note: Path | None = None) -> None:
        self._file = file
        self._note = note
        self._hasher = Hasher()
        self.size_bytes = 0
        self.total_bytes: int | None = None
        self.validator = ""
        if note is not None:
            self._take_up(note)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, as far as the server has told."""
        return bool(self.size_bytes and self.validator) and self.size_bytes == self.total_bytes

    @property
    def may_go_on(self) -> bool:
        """Whether the server can be asked for the rest alone."""
        return bool(self.size_bytes and self.validator)

    def asked(self) -> Mapping[str, str]:
        """The header fields of the request for what is missing (RFC 9110, 13.1.2 and 13.1.5)."""
        if self.is_whole:
            return {"If-None-Match": self.validator}
        return {"Range": f"bytes={self.size_bytes}-", "If-Range": self.validator} if self.may_go_on else {}

    def begin(self, total_bytes: int | None, validator: str) -> None:
        """Everything anew: `validator` is a strong one, or empty."""
        self._file.seek(0)
        self._file.truncate()
        self._hasher = Hasher()
        self.size_bytes, self.total_bytes, self.validator = 0, total_bytes, validator
        if self._note is not None:
            new = self._note.with_suffix(".new")
            new.write_text(json.dumps({"total_bytes": total_bytes, "validator": validator}))
            new.replace(self._note)

    def take(self, data: bytes) -> None:
        """The next bytes."""
        self._file.write(data)
        self._hasher.update(data)
        self.size_bytes += len(data)

    def digests(self) -> Digests:
        """The hashes of everything that has arrived; it is all in the file then."""
        self._file.flush()
        return self._hasher.digests()

    def _take_up(self, note: Path) -> None:
        noted = _read(note)
        total, validator = noted.get("total_bytes"), noted.get("validator")
        size_bytes = self._file.seek(0, os.SEEK_END)
        if not isinstance(validator, str) or not isinstance(total, int) or size_bytes > total:
            return
        self._file.seek(0)
        while piece := self._file.read(_PIECE_BYTES):
            self._hasher.update(piece)
        self.size_bytes, self.total_bytes, self.validator = size_bytes, total, validator


class Downloads:
    """The folder of downloads that were begun."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, url: str) -> Path:
        """Where the bytes of a URL are, or would be."""
        return self._root / hashlib.sha256(url.encode()).hexdigest()[:32]

    @contextmanager
    def partial(self, url: str) -> Iterator[Partial]:
        """What there is of a URL, kept from other processes until the end of the block.

        Raises:
            Conflict: another process is fetching it.
            Fatal: the folder is not usable.
        """
        path = self.path(url)
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")
        except OSError as error:
            raise Fatal(
                f"{self._root} is not usable ({error.strerror})", "set XDG_CACHE_HOME to another folder"
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict("another command is downloading the same", "wait until it has ended") from None
            yield Partial(file, path.with_suffix(".json"))

    def forget(self, url: str) -> None:
        """Delete what there is of a URL."""
        for path in (self.path(url).with_suffix(".json"), self.path(url)):
            path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete what nobody has gone on with for two weeks."""
        for path in self._root.glob("*"):
            if path.lstat().st_mtime < time.time() - _ABANDONED_S:
                path.unlink(missing_ok=True)


def _read(note: Path) -> dict[str, Any]:
    try:
        told = json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
