"""What the agent puts on a disk, which is a file here, and what it says when that goes wrong."""

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from images.ramdisk.agent.service import Service, Sink
from images.ramdisk.agent.tree import PIECE_BYTES
from images.ramdisk.agent.words import Broken, GivesUp
from images.ramdisk.agent.writing import Target, Writing
from tests.trees import tree_sha512

IMAGE = bytes(range(256)) * (2 * PIECE_BYTES // 256)


class Sent(Service):
    """A service that sends these bytes, whatever is asked for."""

    def __init__(self, content: bytes) -> None:
        super().__init__("http://127.0.0.1:9/ramdisk/v1", "token")
        self.content = content

    def stream(self, url: str, size: int, into: Sink) -> None:  # noqa: ARG002 # they are what they are
        at = 0
        while part := self.content[at : at + min(100_000, len(into.room()))]:
            into.room()[: len(part)] = part
            into.filled(len(part))
            at += len(part)


def written(disk: Path, sent: bytes, image: bytes = IMAGE) -> str:
    told: dict[str, Any] = {"format": "raw", "url": "", "size_bytes": len(image), "raw_size_bytes": len(image)}
    return Writing(Sent(sent), told | {"raw_tree_sha512": tree_sha512(image)}, Target(str(disk))).run()


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    path.write_bytes(b"remains " * (PIECE_BYTES // 2))
    return path


@pytest.mark.parametrize("cut", [0, 1, 511, 513, 4095, PIECE_BYTES - 1])
def test_an_image_of_any_length_fills_exactly_its_place(disk: Path, cut: int) -> None:
    """Its end need be no multiple of anything; what lies behind it is left alone."""
    image = IMAGE[: len(IMAGE) - cut]
    written(disk, image, image)
    content = disk.read_bytes()
    assert content[: len(image)] == image
    assert content[len(image) :] == (b"remains " * (PIECE_BYTES // 2))[len(image) :]


def test_more_than_the_image_is_not_written(disk: Path) -> None:
    """It is the image's fault and not the disk's, and nothing behind the image is touched."""
    with pytest.raises(GivesUp, match="more came than the image's") as caught:
        written(disk, IMAGE + b"more")
    assert not isinstance(caught.value, Broken)
    assert disk.read_bytes()[len(IMAGE) :] == (b"remains " * (PIECE_BYTES // 2))[len(IMAGE) :]


def test_an_operation_that_has_ended_is_written_no_further(disk: Path) -> None:
    """When the service refuses to hear how far it is, the rest is not written; the disk is not to blame."""

    class Ended(Sent):
        refused = threading.Event()

        def stream(self, url: str, size: int, into: Sink) -> None:
            self.refused.wait(10)
            super().stream(url, size, into)

        def progress(self, done_bytes: int, total_bytes: int) -> None:
            self.refused.set()
            raise GivesUp(f"POST progress was answered 410 at {done_bytes} of {total_bytes}")

    sent = IMAGE * 16
    told: dict[str, Any] = {"format": "raw", "url": "", "size_bytes": len(sent), "raw_size_bytes": len(sent)}
    with pytest.raises(GivesUp, match="was answered 410") as caught:
        Writing(Ended(sent), told | {"raw_tree_sha512": ""}, Target(str(disk))).run()
    assert not isinstance(caught.value, Broken)
    assert disk.stat().st_size < len(sent) // 2


def test_a_disk_that_is_in_use_is_told(tmp_path: Path) -> None:
    """In words, with what the kernel says."""
    with pytest.raises(GivesUp, match="gone cannot be opened for writing"):
        Target(str(tmp_path / "gone"))


def test_a_disk_that_fails_at_the_end_is_broken(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has not kept comes to light when it is flushed."""

    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    target = Target(str(disk))
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(Broken, match="did not keep what was written: Input/output error"):
        target.finish()
