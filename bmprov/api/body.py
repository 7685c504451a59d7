"""The body of a request: whole or refused.

gunicorn answers the end of the connection like the end of the body, so a cut-off upload would pass for a short one;
here the length that was told is held against what came. A body without a length comes in chunks, whose end is marked.
"""

import io
from typing import IO, TYPE_CHECKING

from flask import Request
from gunicorn.http.errors import ParseException

from bmprov.api.refusals import CutOff, Stalled, TooLarge

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

JSON_LIMIT_MIB = 8
_MIB = 2**20
_PIECE = 2**16
_DISCARDED = 4 * JSON_LIMIT_MIB * _MIB


class Body(io.RawIOBase):
    """The body of a request as a stream.

    Reading raises `CutOff` when the client went away in the middle, and `Stalled` when it stopped sending.
    """

    def __init__(self, request: Request) -> None:
        self._stream: IO[bytes] = request.stream
        self._left = request.content_length

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, into: "WriteableBuffer") -> int:
        """Put the next piece into a buffer; 0 at the end."""
        room = memoryview(into).cast("B")
        try:
            piece = self._stream.read(len(room))
        except TimeoutError:
            raise Stalled("the body stopped coming", "the network between the client and here") from None
        except (OSError, ParseException) as error:
            raise CutOff(f"the body was cut off ({error})", "the client's own errors") from None
        if self._left is not None:
            self._left -= len(piece)
        if not piece and self._left:
            raise CutOff(f"the body ended {self._left} bytes early", "send it again")
        room[: len(piece)] = piece
        return len(piece)


def json_text(request: Request) -> bytes:
    """The bytes of a body that is not larger than JSON may be.

    Raises:
        TooLarge: it is.
    """
    limit = JSON_LIMIT_MIB * _MIB
    if (request.content_length or 0) > limit:
        raise _too_large()
    content, body = bytearray(), Body(request)
    while piece := body.read(_PIECE):
        content += piece
        if len(content) > limit:
            raise _too_large()
    return bytes(content)


def discard(request: Request) -> None:
    """Read what is left of the body of a request that was refused, within bounds.

    Many clients send everything before they look at an answer. To them a closed connection is a network's fault, and
    the sentence that says what was wrong would be lost.
    """
    left = _DISCARDED
    try:
        while left > 0 and (piece := request.stream.read(_PIECE)):
            left -= len(piece)
    except (OSError, ParseException):
        return  # it went away, so nobody wants the answer


def _too_large() -> TooLarge:
    return TooLarge(f"the body is larger than {JSON_LIMIT_MIB} MiB", "the size of the user data")
