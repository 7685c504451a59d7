"""What a TFTP server and its client agree on: blksize (RFC 2348), tsize and timeout (RFC 2349), windowsize (RFC 7440).

What cannot be used or is not known is passed over in silence, as if it had not been asked for (RFC 2347).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pxe.tftp_packets import HEAD_BYTES

RESEND_S = 1.0
TRIES = 10
_USABLE = {"blksize": range(8, 65465), "timeout": range(1, 256), "windowsize": range(1, 65536)}
_NUMBER_DIGITS = 5
_NONE = -1  # in no range, which Python tells of a number at once; it would hold anything else against each one
_PLAIN_BLOCK_BYTES = 512  # RFC 1350
_BLOCK_CAP_BYTES = 1468  # the most that fits an Ethernet frame: ROMs lose the fragments of what is larger
_WINDOW_CAP_BYTES = 65_507  # what one system call sends; twice as much overruns the buffer of a Linux client
_WINDOW_CAP_BLOCKS = 64  # what Linux cuts one such call into (UDP_MAX_SEGMENTS)
_PATIENCE_S = 60.0  # a machine that has died holds a file descriptor for so long
_FEWEST_TRIES = 2


@dataclass(frozen=True)
class Terms:
    """How a file is sent. `agreed` is what to acknowledge, spelled and ordered as the client asked."""

    block_bytes: int = _PLAIN_BLOCK_BYTES
    window_blocks: int = 1
    resend_s: float = RESEND_S
    agreed: Mapping[str, int] = field(default_factory=dict)

    @property
    def tries(self) -> int:
        """How often a packet is sent again, `resend_s` apart, before the client is given up."""
        return max(_FEWEST_TRIES, min(TRIES, int(_PATIENCE_S / self.resend_s)))

    @property
    def patience_s(self) -> float:
        """How long a client may be silent before it is given up."""
        return (self.tries + 1) * self.resend_s


def agree(options: Mapping[str, str], size_bytes: int) -> Terms:
    """The terms for a file of `size_bytes`: what the client asks for, within bounds."""
    numbers = {name.lower(): _number(value) for name, value in options.items()}
    agreed = {key: numbers[key] for key, usable in _USABLE.items() if numbers.get(key, _NONE) in usable}
    if "tsize" in numbers:
        agreed["tsize"] = size_bytes
    if "blksize" in agreed:
        agreed["blksize"] = min(agreed["blksize"], _BLOCK_CAP_BYTES)
    block_bytes = agreed.get("blksize", _PLAIN_BLOCK_BYTES)
    if "windowsize" in agreed:
        agreed["windowsize"] = min(agreed["windowsize"], _window_cap(block_bytes))
    spelled = {name: agreed[name.lower()] for name in options if name.lower() in agreed}
    return Terms(block_bytes, agreed.get("windowsize", 1), float(agreed.get("timeout", RESEND_S)), spelled)


def _window_cap(block_bytes: int) -> int:
    return min(_WINDOW_CAP_BYTES // (block_bytes + HEAD_BYTES), _WINDOW_CAP_BLOCKS)


def _number(value: str) -> int:
    return int(value) if value.isdecimal() and len(value) <= _NUMBER_DIGITS else _NONE
