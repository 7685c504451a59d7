"""The image store: what comes in whole is kept once, what does not leaves nothing."""

import hashlib
import io
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bmprov.errors import Fatal, Invalid
from images.blobs import ImageStore
from tests.trees import tree_sha512

RAW = os.urandom(3_000_000) + bytes(5_000_000)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def left_in(store: ImageStore) -> list[str]:
    return sorted(path.name for path in store.path("0" * 64).parent.glob("*"))


def test_a_raw_image(store: ImageStore) -> None:
    """The bytes are kept under their hash, and progress is told as they come."""
    told: list[int] = []
    blob = store.add(io.BytesIO(RAW), expected_sha256=sha256(RAW).upper(), progress=told.append)
    assert (blob.sha256, blob.size_bytes, blob.format) == (sha256(RAW), len(RAW), "raw")
    assert (blob.raw_tree_sha512, blob.raw_size_bytes) == (tree_sha512(RAW), len(RAW))
    assert blob.path.read_bytes() == RAW
    assert told[-1] == len(RAW)
    assert store.verify(blob.sha256)
    assert store.digest(blob.sha256) == blob.raw_tree_sha512


@pytest.mark.parametrize("frames", [1, 3])
def test_a_compressed_image(store: ImageStore, frames: int) -> None:
    """What it unpacks to is known before any machine tries; several frames in a file are one image."""
    packed = zst(RAW) * frames
    blob = store.add(io.BytesIO(packed))
    assert (blob.format, blob.sha256, blob.size_bytes) == ("raw.zst", sha256(packed), len(packed))
    assert (blob.raw_tree_sha512, blob.raw_size_bytes) == (tree_sha512(RAW * frames), len(RAW) * frames)


@pytest.mark.parametrize(
    ("data", "format_", "expected", "says"),
    [
        (b"", None, None, "the image is empty"),
        (RAW, None, "0" * 64, "has SHA-256 .* and not 0000"),
        (zst(RAW)[:-1], None, None, "ends in its middle"),
        (zst(RAW) + b"rubbish", None, None, "does not unpack"),
        (b"\x28\xb5\x2f\xfd" + b"rubbish" * 9, None, None, "does not unpack|ends in its middle"),
        (RAW, "raw.zst", None, "not a zstd file"),
        (RAW, "iso", None, "'iso' is not a format"),
        (b"QFI\xfb\x00\x00\x00\x03", None, None, "qcow2 file and not a raw disk image: convert it first: qemu-img"),
        (b"\x1f\x8b\x08", None, None, "gzip"),
    ],
)
def test_what_is_not_an_image_leaves_nothing(
    store: ImageStore, data: bytes, format_: str | None, expected: str | None, says: str
) -> None:
    """The refusal says what it is and what to do."""
    with pytest.raises(Invalid, match=says):
        store.add(io.BytesIO(data), expected_sha256=expected, format=format_)
    assert left_in(store) == []


class Dribble(io.BytesIO):
    """A stream that gives one byte at a time, as a slow network may."""

    def read(self, _size: int | None = -1, /) -> bytes:
        return super().read(1)


def test_the_format_is_told_from_a_dribble(store: ImageStore) -> None:
    """A format is told by its whole magic, however little of it comes at once."""
    assert store.add(Dribble(zst(b"a disk"))).format == "raw.zst"
    with pytest.raises(Invalid, match="qcow2"):
        store.add(Dribble(b"QFI\xfb\x00\x00\x00\x03"))


def test_a_bomb_is_defused(tmp_path: Path) -> None:
    """A small file that unpacks to more than any disk holds is refused on the way."""
    bomb = zst(bytes(50_000_000))
    store = ImageStore(tmp_path, max_raw_bytes=1_000_000)
    with pytest.raises(Invalid, match="unpacks to more than 1000000 bytes"):
        store.add(io.BytesIO(bomb))
    assert left_in(store) == []


def test_the_same_bytes_at_once_are_kept_once(store: ImageStore) -> None:
    """Two uploads of one image do not disturb each other."""
    with ThreadPoolExecutor(4) as pool:
        blobs = list(pool.map(lambda _: store.add(io.BytesIO(RAW)), range(4)))
    assert len(set(blobs)) == 1
    assert left_in(store) == [sha256(RAW)]


def test_a_damaged_blob_is_known(store: ImageStore) -> None:
    """Bytes that have changed on disk no longer verify."""
    blob = store.add(io.BytesIO(RAW))
    blob.path.write_bytes(RAW[:-1] + b"x")
    assert not store.verify(blob.sha256)
    store.remove(blob.sha256)
    store.remove(blob.sha256)
    assert not store.has(blob.sha256)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """A write that fails half-way is an error with the folder in it, and the half is deleted."""
    program = (
        "import io, resource, signal; from pathlib import Path; from images.blobs import ImageStore\n"
        "from bmprov.errors import Fatal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        f"try: ImageStore(Path({str(tmp_path)!r})).add(io.BytesIO(bytes(9_000_000)))\n"
        "except Fatal as error: print(error)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"could not be kept in {tmp_path}" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert issubclass(Fatal, Exception)


def test_leftovers_of_a_killed_process_are_swept(store: ImageStore) -> None:
    """What is old and half-written goes; what is just being written stays."""
    blob = store.add(io.BytesIO(RAW))
    half = blob.path.parent / ".incoming-dead"
    half.write_bytes(b"half")
    assert store.sweep(half.stat().st_mtime - 1) == 0
    assert store.sweep(half.stat().st_mtime + 1) == 1
    assert left_in(store) == [blob.sha256]


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "G" * 64, "0" * 63, "0" * 65, "a/b"])
def test_only_hashes_name_blobs(store: ImageStore, name: str) -> None:
    """No name leads out of the folder."""
    with pytest.raises(Invalid):
        store.path(name)


@given(data=st.binary(min_size=1, max_size=400))
def test_arbitrary_bytes_are_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever comes after a zstd magic, nothing but a refusal comes out."""
    store = ImageStore(tmp_path_factory.getbasetemp() / "fuzz")
    with pytest.raises(Invalid):
        store.add(io.BytesIO(b"\x28\xb5\x2f\xfd" + data), expected_sha256="0" * 64)
