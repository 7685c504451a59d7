"""The deploy ramdisk of a simulated machine: the calls of docs/ramdisk-api.md; the image is hashed and not written.

What is not answered is asked again, and an image that breaks off is fetched on from where it stopped: the service may
be restarted meanwhile.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

import zstandard

from bmprov.sim.http_client import Http, HttpFailed
from bmprov.sim.pace import FirmwareFaults, Pace
from images.nocloud import DOCUMENTS
from images.ramdisk.agent.tree import Tree

_MB = 1_000_000
_TRIES = 30
_PAUSE_S, _PAUSE_CAP_S = 0.2, 8.0
_T = TypeVar("_T")


@dataclass(frozen=True)
class Installed:
    """What is on the disk after a deployment."""

    raw_tree_sha512: str
    seed: Mapping[str, bytes]


class _WriteFailed(Exception):
    """The disk does not take the image."""


@dataclass(frozen=True)
class Ramdisk:
    """One run of the ramdisk.

    `keep` is told what is on the disk before the service is: `done` may be answered with a reset. `echo` makes a call
    again later, whatever becomes of the machine. `show` puts a line on the machine's console.
    """

    http: Http
    api: str
    token: str
    inventory: Mapping[str, Any]
    pace: Pace
    faults: FirmwareFaults
    keep: Callable[[Installed], None]
    echo: Callable[[float, Callable[[], Awaitable[None]]], None]
    show: Callable[[str], None]

    async def run(self) -> None:
        """Deploy, or say why not.

        Raises:
            HttpFailed: the service does not want to hear of it, or does not answer for minutes.
        """
        self.show("telling what this machine is")
        await self._call("inventory", self.inventory)
        todo = json.loads(await _patiently(lambda: self.http.get(f"{self.api}/deployment", self._headers)))
        self.show(f"writing {todo['image']['raw_size_bytes']} bytes to sda")
        try:
            digest = await self._write(todo["image"])
        except _WriteFailed as error:
            self.show(str(error))
            await self._call("failed", {"why": str(error), "log": f"sda: I/O error\n{error}\n"})
            return
        seed = {name: await self._document(todo["seed_url"] + name) for name in DOCUMENTS}
        self.keep(Installed(digest, seed))
        self.show("the image is written and verified")
        await self._call("done", {"raw_tree_sha512": digest})

    async def _document(self, url: str) -> bytes:
        return await _patiently(lambda: self.http.get(url))

    async def _write(self, image: Mapping[str, Any]) -> str:
        """Write the image at the disk's pace, telling how far it is; the hash of what was written."""
        total, done, told_at, began = int(image["raw_size_bytes"]), 0, 0.0, time.monotonic()
        digest = Tree()
        digest.update(b"x" if self.faults.corrupts else b"")
        async with aclosing(self._raw(image)) as pieces:
            async for piece in pieces:
                digest.update(piece)
                done += len(piece)
                await self._meet_faults(done, total)
                if time.monotonic() - told_at >= self.pace.progress_s:
                    told_at = time.monotonic()
                    await self._progress(done, total)
                await asyncio.sleep(max(0.0, done / (self.pace.write_mb_s * _MB) - (time.monotonic() - began)))
        await self._progress(done, total)
        if digest.hexdigest() != image["raw_tree_sha512"]:
            raise _WriteFailed(f"what came has the digest {digest.hexdigest()[:16]}… and not the image's")
        return digest.hexdigest()

    async def _meet_faults(self, done: int, total: int) -> None:
        limit = self.faults.fails_at_percent
        if limit is not None and done >= total * limit / 100:
            raise _WriteFailed(f"disk error after {done} of {total} bytes")
        if self.faults.writes_stall and done >= total / 2:
            await asyncio.Event().wait()

    async def _raw(self, image: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        packed = image["format"] == "raw.zst"
        unpacker = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True) if packed else None
        async with aclosing(self._fetched(image["url"], int(image["size_bytes"]))) as pieces:
            async for piece in pieces:
                yield unpacker.decompress(piece) if unpacker else piece

    async def _fetched(self, url: str, size: int) -> AsyncGenerator[bytes, None]:
        got, tries = 0, 0
        while got < size:
            try:
                async with aclosing(self.http.stream(url, got)) as pieces:
                    async for piece in pieces:
                        got, tries = got + len(piece), 0
                        yield piece
            except HttpFailed as error:
                tries += 1
                await _pause(error, tries)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def _call(self, name: str, told: object) -> None:
        def call() -> Awaitable[None]:
            return self.http.post(f"{self.api}/{name}", told, self._headers)

        for _ in range(2 if self.faults.doubles_calls else 1):
            await _patiently(call)
        if self.faults.echoes_after_s is not None:
            self.echo(self.faults.echoes_after_s, call)

    async def _progress(self, done: int, total: int) -> None:
        """Tell how far it is. Nothing depends on it, so it is not tried again."""
        try:
            await self.http.post(f"{self.api}/progress", {"done_bytes": done, "total_bytes": total}, self._headers)
        except HttpFailed as error:
            if error.final:
                raise


async def _patiently(ask: Callable[[], Awaitable[_T]]) -> _T:
    tries = 0
    while True:
        try:
            return await ask()
        except HttpFailed as error:
            tries += 1
            await _pause(error, tries)


async def _pause(error: HttpFailed, tries: int) -> None:
    """Wait before the next try; raise the error when there is to be none."""
    if error.final or tries >= _TRIES:
        raise error
    await asyncio.sleep(min(_PAUSE_CAP_S, _PAUSE_S * 2**tries))
