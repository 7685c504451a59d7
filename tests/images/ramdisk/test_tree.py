"""The digest of pieces, beside what coreutils and OpenSSL make of the same bytes."""

import random

import pytest

from images.ramdisk.agent.tree import PIECE_BYTES, ZERO_PIECE, Tree, root
from tests.trees import by_hand, tree_sha512


@pytest.mark.parametrize("length", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_it_is_what_an_operator_finds_by_hand(length: int) -> None:
    """However the content comes, and wherever it ends."""
    content = random.Random(length).randbytes(length)
    tree, at = Tree(), 0
    for count in (1, 4095, PIECE_BYTES, 2 * PIECE_BYTES, length):
        tree.update(content[at : at + count])
        at += count
    assert tree.hexdigest() == tree_sha512(content) == by_hand(content)


def test_a_piece_of_zeros_is_known() -> None:
    """Nobody has to hash it."""
    assert root([ZERO_PIECE, ZERO_PIECE]) == by_hand(bytes(2 * PIECE_BYTES))
