"""The simulated ramdisk against a service that is busy, breaks off, or does not want to hear of it."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest
import zstandard

from bmprov.sim import ramdisk as ramdisk_module
from bmprov.sim.http_client import Http, HttpFailed
from bmprov.sim.pace import PACES, FirmwareFaults
from bmprov.sim.ramdisk import Installed, Ramdisk
from tests.trees import tree_sha512

RAW = hashlib.shake_256(b"raw").digest(900_000)
PACKED = zstandard.compress(RAW[:400_000]) + zstandard.compress(RAW[400_000:])
TOKEN = "a-secret-token"


@dataclass
class Service:
    """Speaks HTTP as bmprov does, and breaks off each image after `piece` bytes."""

    image: bytes = RAW
    format: str = "raw"
    piece: int = 10**9
    busy: int = 0
    refuses: str = ""
    ranges: bool = True
    calls: list[str] = field(default_factory=list)
    told: dict[str, object] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    url: str = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(fields["Content-Length"]))
        name = head.split(" ")[1].rpartition("/")[2]
        self.calls.append(name)
        writer.write(self.answer(name, fields, body))
        await writer.drain()
        writer.close()

    def answer(self, name: str, fields: dict[str, str], body: bytes) -> bytes:
        if self.busy:
            self.busy -= 1
            return b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
        if name == self.refuses:
            return b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
        if body:
            self.told[name] = json.loads(body)
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        content = {"deployment": json.dumps(self.deployment()).encode(), "image": self.image}.get(name, b"seed")
        first = int(fields["Range"][6:-1]) if "Range" in fields and self.ranges else 0
        status = b"206 Partial Content" if first else b"200 OK"
        head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(content) - first)
        return head + content[first:][: self.piece if name == "image" else None]

    def deployment(self) -> dict[str, object]:
        image = {"url": f"{self.url}/image", "format": self.format, "size_bytes": len(self.image)}
        raw = {"raw_size_bytes": len(RAW), "raw_tree_sha512": tree_sha512(RAW)}
        return {"image": image | raw, "seed_url": f"{self.url}/seed/"}


def run(service: Service, faults: FirmwareFaults | None = None, kept: list[Installed] | None = None) -> list[Installed]:
    """Run a ramdisk to its end: what it has installed."""
    kept = [] if kept is None else kept

    async def ask() -> None:
        async with await asyncio.start_server(service.handle, "127.0.0.1", 0) as server:
            service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            pace = replace(PACES["instant"], progress_s=0)
            http, met = Http("127.66.0.9"), faults or FirmwareFaults()
            show = service.shown.append
            await Ramdisk(http, service.url, TOKEN, {"cpus": 1}, pace, met, kept.append, echo, show).run()

    asyncio.run(ask())
    return kept


def echo(_after_s: float, _call: Callable[[], Awaitable[None]]) -> None:
    raise AssertionError("no echo was asked for")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ramdisk_module, "_PAUSE_S", 0.001)
    monkeypatch.setattr(ramdisk_module, "_PAUSE_CAP_S", 0.001)


def test_a_deployment_in_order() -> None:
    """Inventory, what to do, the image, the seed, and only then `done`, with the hash of what was written."""
    service = Service()
    (installed,) = run(service)
    assert installed.raw_tree_sha512 == tree_sha512(RAW)
    assert set(installed.seed) == {"meta-data", "user-data", "vendor-data", "network-config"}
    assert service.calls[:3] == ["inventory", "deployment", "image"]
    assert service.calls[-1] == "done"
    assert service.told["done"] == {"raw_tree_sha512": installed.raw_tree_sha512}
    assert service.told["progress"] == {"done_bytes": len(RAW), "total_bytes": len(RAW)}
    assert service.shown[-1] == "the image is written and verified"


@pytest.mark.parametrize(("format", "image"), [("raw", RAW), ("raw.zst", PACKED)])
def test_an_image_that_breaks_off_is_fetched_on(format: str, image: bytes) -> None:  # noqa: A002 - the catalogue's word
    """From the byte where it stopped, as often as it takes; of several compressed frames too."""
    service = Service(image=image, format=format, piece=100_000)
    assert [one.raw_tree_sha512 for one in run(service)] == [tree_sha512(RAW)]
    assert service.calls.count("image") >= 9


def test_a_busy_service_is_asked_again() -> None:
    """503 costs time and nothing else."""
    service = Service(busy=5)
    assert len(run(service)) == 1
    assert service.calls[:6] == ["inventory"] * 6


@pytest.mark.parametrize("name", ["inventory", "deployment", "image", "meta-data", "progress"])
def test_a_service_that_does_not_want_to_hear_of_it_is_left_alone(name: str) -> None:
    """410 ends the ramdisk at once; nothing counts as installed, and the error has no token."""
    service = Service(refuses=name)
    with pytest.raises(HttpFailed, match=f"{name} was answered 410") as refused:
        run(service)
    assert service.calls.count(name) == 1
    assert TOKEN not in str(refused.value)


def test_what_is_on_the_disk_is_known_before_the_service_knows() -> None:
    """`done` may be answered with a reset: the disk has its system all the same."""
    kept: list[Installed] = []
    service = Service(refuses="done")
    with pytest.raises(HttpFailed):
        run(service, kept=kept)
    assert len(kept) == 1


def test_a_service_that_begins_the_image_anew_is_not_believed() -> None:
    """Bytes from the beginning in the place of those that are missing would be written into the middle of the disk."""
    service = Service(piece=400_000, ranges=False)
    with pytest.raises(HttpFailed, match="image was answered 200"):
        run(service)
    assert "done" not in service.told


@pytest.mark.parametrize(
    ("faults", "why"),
    [
        (FirmwareFaults(fails_at_percent=30), "disk error after "),
        (FirmwareFaults(corrupts=True), "what came has the digest "),
    ],
)
def test_a_disk_that_fails_is_told(faults: FirmwareFaults, why: str) -> None:
    """With words and a log, and nothing is installed."""
    service = Service()
    assert run(service, faults) == []
    told = service.told["failed"]
    assert isinstance(told, dict)
    assert told["why"].startswith(why)
    assert why in told["log"]
    assert "done" not in service.told


def test_doubled_calls() -> None:
    """Each is made twice, and the service sees both."""
    service = Service()
    run(service, FirmwareFaults(doubles_calls=True))
    assert [service.calls.count(name) for name in ("inventory", "done")] == [2, 2]
