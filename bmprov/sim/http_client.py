"""HTTP as a firmware and a ramdisk speak it: from an address of the machine's own, one request a connection.

A few lines instead of a library, because a thousand simulated machines share one core with what they are there to test.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

_CHUNK_BYTES = 2**18
_ANSWER_S = 30.0


class HttpFailed(Exception):
    """The answer was not 2xx, or there was none that made sense (`status` 0)."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status

    @property
    def final(self) -> bool:
        """Whether asking again is useless."""
        return HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True)
class Http:
    """Requests from the local address `source`."""

    source: str

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> bytes:
        """The body of an answer."""
        async with self._asked("GET", url, b"", headers or {}) as (reader, length):
            return await asyncio.wait_for(reader.readexactly(length), _ANSWER_S)

    async def post(self, url: str, told: object, headers: Mapping[str, str]) -> None:
        """Post JSON."""
        kind = {"Content-Type": "application/json"}
        async with self._asked("POST", url, json.dumps(told).encode(), {**headers, **kind}):
            pass

    async def part(self, url: str, first: int, size: int) -> bytes:
        """So many bytes of a body from its byte `first` on."""
        headers = {"Range": f"bytes={first}-{first + size - 1}"}
        async with self._asked("GET", url, b"", headers) as (reader, length):
            return await asyncio.wait_for(reader.readexactly(length), _ANSWER_S)

    async def stream(self, url: str, first: int = 0) -> AsyncGenerator[bytes, None]:
        """The body of an answer from its byte `first` on, piece by piece."""
        headers = {"Range": f"bytes={first}-"} if first else {}
        async with self._asked("GET", url, b"", headers) as (reader, length):
            left = length
            while left:
                piece = await asyncio.wait_for(reader.read(min(left, _CHUNK_BYTES)), _ANSWER_S)
                if not piece:
                    raise HttpFailed(f"{_name(url)} broke off, {left} bytes are missing")
                left -= len(piece)
                yield piece

    @asynccontextmanager
    async def _asked(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
        at = urlsplit(url)
        opening = asyncio.open_connection(at.hostname, at.port or 80, local_addr=(self.source, 0))
        try:
            reader, writer = await asyncio.wait_for(opening, _ANSWER_S)
        except OSError as error:
            raise HttpFailed(f"{_name(url)}: {error}") from error
        try:
            lines = [f"{method} {at.path or '/'} HTTP/1.1", f"Host: {at.netloc}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            lines += [f"Content-Length: {len(body)}", "", ""]
            writer.write("\r\n".join(lines).encode() + body)
            wanted = HTTPStatus.PARTIAL_CONTENT if "Range" in headers else None
            yield reader, await asyncio.wait_for(_head(reader, url, wanted), _ANSWER_S)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise HttpFailed(f"{_name(url)}: {error!r}") from error
        finally:
            writer.close()


async def _head(reader: asyncio.StreamReader, url: str, wanted: HTTPStatus | None) -> int:
    """Read the head of an answer; the length of its body."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(lines[0][len("HTTP/1.1 ") :][:3])
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES or (wanted and status != wanted):
        raise HttpFailed(f"{_name(url)} was answered {status}", status)
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if status == HTTPStatus.NO_CONTENT:
        return 0
    if "content-length" not in fields:
        raise HttpFailed(f"{_name(url)} was answered without a length")
    return int(fields["content-length"])


def _name(url: str) -> str:
    """The last part of a URL, for errors: those before it hold a token."""
    return url.rpartition("/")[2]
