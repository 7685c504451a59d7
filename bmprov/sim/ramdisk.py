"""The deploy ramdisk of a simulated machine: the calls of docs/ramdisk-api.md; the image is hashed and not written."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import zstandard

from bmprov.sim.http_client import Http
from bmprov.sim.pace import FirmwareFaults, Pace
from images.nocloud import DOCUMENTS

_MB = 1_000_000


@dataclass(frozen=True)
class Installed:
    """What is on the disk after a deployment."""

    raw_sha256: str
    seed: Mapping[str, bytes]


@dataclass(frozen=True)
class Ramdisk:
    """One run of the ramdisk."""

    http: Http
    api: str
    token: str
    inventory: Mapping[str, Any]
    pace: Pace
    faults: FirmwareFaults

    async def run(self) -> Installed | None:
        """Deploy; None when it gave up."""
        await self._call("inventory", self.inventory)
        todo = json.loads(await self.http.get(f"{self.api}/deployment", self._headers))
        image = todo["image"]
        digest = await self._write(image)
        if digest is None:
            return None
        if digest != image["raw_sha256"]:
            await self._call(
                "failed", {"why": f"the disk holds SHA-256 {digest} and not the image's", "log": "verify: bad"}
            )
            return None
        seed = {name: await self.http.get(todo["seed_url"] + name) for name in DOCUMENTS}
        await self._call("done", {"raw_sha256": digest})
        return Installed(digest, seed)

    async def _write(self, image: Mapping[str, Any]) -> str | None:
        total, done, told_at, began = int(image["raw_size_bytes"]), 0, 0.0, time.monotonic()
        digest = hashlib.sha256(b"x" if self.faults.corrupts else b"")
        async for piece in self._raw(image):
            digest.update(piece)
            done += len(piece)
            if self._fails(done, total):
                await self._call(
                    "failed", {"why": f"disk error after {done} of {total} bytes", "log": "sda: I/O error"}
                )
                return None
            if self.faults.writes_stall and done >= total / 2:
                await asyncio.Event().wait()
            if time.monotonic() - told_at >= self.pace.progress_s:
                told_at = time.monotonic()
                await self._call("progress", {"done_bytes": done, "total_bytes": total})
            await asyncio.sleep(max(0.0, done / (self.pace.write_mb_s * _MB) - (time.monotonic() - began)))
        await self._call("progress", {"done_bytes": done, "total_bytes": total})
        return digest.hexdigest()

    async def _raw(self, image: Mapping[str, Any]) -> AsyncIterator[bytes]:
        unpacker = zstandard.ZstdDecompressor().decompressobj() if image["format"] == "raw.zst" else None
        async for piece in self.http.stream(image["url"]):
            yield unpacker.decompress(piece) if unpacker else piece

    def _fails(self, done: int, total: int) -> bool:
        limit = self.faults.fails_at_percent
        return limit is not None and done >= total * limit / 100

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def _call(self, name: str, told: object) -> None:
        for _ in range(2 if self.faults.doubles_calls else 1):
            await self.http.post(f"{self.api}/{name}", told, self._headers)
