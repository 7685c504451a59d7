"""The image's bytes on their way into pieces of memory."""

import queue

import pytest
import zstandard

from images.ramdisk.agent import pieces
from images.ramdisk.agent.pieces import Filling, Piece, Unpacker
from images.ramdisk.agent.service import Sink
from images.ramdisk.agent.words import GivesUp


class Cut:
    """Everything that a filling hands on, and pieces that never run out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
        monkeypatch.setattr(pieces, "PIECE_BYTES", size)
        self.pieces: list[tuple[int, bytes]] = []
        self._free: queue.Queue[Piece] = queue.Queue()
        self._free.put(Piece())
        self._free.put(Piece())
        self.filling = Filling(self._free, self._keep)

    def _keep(self, piece: Piece) -> None:
        self.pieces.append((piece.offset, bytes(piece.content)))
        self._free.put(piece)


def put(into: Sink, content: bytes, step: int) -> None:
    """Give it these bytes, at most `step` at once."""
    at = 0
    while part := content[at : at + min(step, len(into.room()))]:
        into.room()[: len(part)] = part
        into.filled(len(part))
        at += len(part)


def test_the_image_is_cut_into_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole pieces one after the other, the rest at the end, and nothing when there is nothing."""
    cut, content = Cut(monkeypatch, 4096), bytes(range(256)) * 40
    put(cut.filling, content, 1000)
    cut.filling.end()
    cut.filling.end()
    assert [at for at, _ in cut.pieces] == [0, 4096, 8192]
    assert b"".join(data for _, data in cut.pieces) == content


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_frames_are_unpacked_wherever_they_are_cut(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Several frames, in bytes as the network happens to give them, come out as one image."""
    cut, content = Cut(monkeypatch, 4096), b"an operating system " * 3000
    put(Unpacker(cut.filling), zstandard.compress(content[:25_000]) + zstandard.compress(content[25_000:]), step)
    cut.filling.end()
    assert b"".join(data for _, data in cut.pieces) == content


def test_what_is_no_zstd_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Garbage ends the deployment with libzstd's word for it."""
    with pytest.raises(GivesUp, match="does not unpack: Unknown frame descriptor"):
        put(Unpacker(Cut(monkeypatch, 4096).filling), b"no zstd at all", 100)


@pytest.mark.parametrize("odd", [0, 1, 4095, 2048])
def test_a_piece_is_zero_when_all_of_it_is(monkeypatch: pytest.MonkeyPatch, odd: int) -> None:
    """One bit anywhere is something, and a piece that is not whole is written as it is."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", 4096)
    piece = Piece()
    assert not piece.is_zero()
    piece.length = 4096
    assert piece.is_zero()
    piece.memory[odd] = 128
    assert not piece.is_zero()
