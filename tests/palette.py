"""Makes pictures of pages small: a PNG of true colours becomes one of 256 (W3C's PNG, 3rd edition).

A page has a few colours and the shades between them at the edges of letters; what is not among the 256 that it has most
of takes the nearest. That is a third of the bytes.
"""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = 256
_CHANNELS = {2: 3, 6: 4}  # by colour type: RGB, and RGB with alpha, which a page's picture does not use
_PALETTE = 3


def reduced(png: bytes) -> bytes:
    """The same picture with 256 colours. It must have 8 bits a channel and not be interlaced, as Chromium's are."""
    chunks = list(_chunks(png))
    width, height, depth, kind, *_, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if depth != 8 or interlaced or kind not in _CHANNELS:
        raise ValueError("this is not a PNG as Chromium makes them")
    data = zlib.decompress(b"".join(content for name, content in chunks if name == b"IDAT"))
    channels = _CHANNELS[kind]
    rows = [
        [row[at : at + 3] for at in range(0, len(row), channels)] for row in _rows(data, width * channels, channels)
    ]
    counted = Counter(colour for row in rows for colour in row)
    palette = [colour for colour, _ in counted.most_common(_COLOURS)]
    places = {colour: _nearest(palette, colour) for colour in counted}
    packed = b"".join(b"\0" + bytes(places[colour] for colour in row) for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, _PALETTE, 0, 0, 0)
    parts = (b"IHDR", header), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(packed, 9)), (b"IEND", b"")
    return _SIGNATURE + b"".join(_chunk(name, content) for name, content in parts)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _rows(data: bytes, stride: int, channels: int) -> Iterator[bytes]:
    """The rows without their filters (section 9)."""
    above = bytes(stride)
    for start in range(0, len(data), stride + 1):
        above = _unfiltered(data[start], bytearray(data[start + 1 : start + 1 + stride]), above, channels)
        yield above


def _unfiltered(kind: int, row: bytearray, above: bytes, channels: int) -> bytes:
    for at in range(len(row)):
        left = row[at - channels] if at >= channels else 0
        corner = above[at - channels] if at >= channels else 0
        told = (0, left, above[at], (left + above[at]) // 2, _paeth(left, above[at], corner) if kind == 4 else 0)
        row[at] = (row[at] + told[kind]) & 0xFF
    return bytes(row)


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    to_left, to_above, to_corner = abs(guess - left), abs(guess - above), abs(guess - corner)
    if to_left <= to_above and to_left <= to_corner:
        return left
    return above if to_above <= to_corner else corner


def _nearest(palette: list[bytes], colour: bytes) -> int:
    return min(
        range(len(palette)), key=lambda place: sum((a - b) ** 2 for a, b in zip(palette[place], colour, strict=True))
    )
