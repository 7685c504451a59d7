"""A file cut into DATA packets, once for all who fetch it with blocks of one size: a rack that powers on together."""

from weakref import WeakValueDictionary

from pxe import tftp_packets as packets

_KEPT_BYTES = 2**22  # loaders have 0.1 to 2 MB; of what is larger each packet is made when it is sent


class Blocks:
    """The packets of a file and their acknowledgements, which a loader's transfers have in common.

    Blocks count from 1. The last one is shorter than the others, if need be empty (RFC 1350, 6).
    """

    def __init__(self, content: bytes, block_bytes: int) -> None:
        self.last = len(content) // block_bytes + 1
        self._content = content
        self._block_bytes = block_bytes
        self._keeps = len(content) <= _KEPT_BYTES
        self._made = [b""] * (self.last + 1)
        self._acks = [b""] * (self.last + 1)

    def packet(self, number: int) -> bytes:
        """The DATA packet of a block."""
        return self._made[number] or self._make(number)

    def ack(self, number: int) -> bytes:
        """The acknowledgement of a block; 0 is that of the options."""
        return self._acks[number] or packets.ack(number)

    def _make(self, number: int) -> bytes:
        end = number * self._block_bytes
        made = packets.data(number, self._content[end - self._block_bytes : end])
        if self._keeps:
            self._made[number], self._acks[number] = made, packets.ack(number)
        return made


class SharedBlocks:
    """Cuts a file once for all transfers under way."""

    def __init__(self) -> None:
        self._cut: WeakValueDictionary[tuple[int, int], Blocks] = WeakValueDictionary()

    def of(self, content: bytes, block_bytes: int) -> Blocks:
        """The blocks of a file. It is known by its identity, which nobody else has while its blocks are in use."""
        key = (id(content), block_bytes)
        blocks = self._cut.get(key)
        if blocks is None:
            blocks = self._cut[key] = Blocks(content, block_bytes)
        return blocks
