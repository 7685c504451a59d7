"""The agent's fetching, against real servers that do not keep to what was agreed."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from images.ramdisk.agent import service
from images.ramdisk.agent.service import Service
from images.ramdisk.agent.words import GivesUp

IMAGE = bytes(range(256)) * 4096


class Plan:
    """How a server answers: how many bytes of each answer it sends, whether it knows ranges, and what it was asked."""

    def __init__(self, sent: list[int], *, ranges: bool = True) -> None:
        self.sent = sent
        self.ranges = ranges
        self.asked: list[int] = []


@contextmanager
def served(plan: Plan) -> Iterator[str]:
    """The URL of the image."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            first = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            plan.asked.append(first)
            rest = IMAGE[first if plan.ranges else 0 :]
            self.send_response(206 if plan.ranges else 200)
            if plan.ranges:
                self.send_header("Content-Range", f"bytes {first}-{len(IMAGE) - 1}/{len(IMAGE)}")
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: plan.sent.pop(0)] if plan.sent else rest)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/image"
    finally:
        server.shutdown()
        server.server_close()


class Kept:
    """A sink that keeps what it gets, with as little room as there may be at a piece's end."""

    def __init__(self) -> None:
        self.content = bytearray()
        self._memory = bytearray(70_001)

    def room(self) -> memoryview:
        return memoryview(self._memory)

    def filled(self, count: int) -> None:
        self.content += self._memory[:count]


def fetched(url: str) -> bytes:
    kept = Kept()
    Service(url, "token").stream(url, len(IMAGE), kept)
    return bytes(kept.content)


def test_what_breaks_off_goes_on_where_it_was() -> None:
    """Only what is missing is asked for, over as many connections as it takes."""
    plan = Plan([300_000, 300_000])
    with served(plan) as url:
        assert fetched(url) == IMAGE
    assert plan.asked == [0, 300_000, 600_000]


def test_a_server_without_ranges_is_read_up_to_where_it_was() -> None:
    """What is on the disk already is passed over, and never taken for what follows it."""
    plan = Plan([300_000], ranges=False)
    with served(plan) as url:
        assert fetched(url) == IMAGE


def test_a_server_that_stays_away_is_given_up_with_what_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says how far the image had come."""
    monkeypatch.setattr(service, "PATIENCE_S", 0.5)
    with ExitStack() as running:
        url = running.enter_context(served(Plan([300_000])))

        class Last(Kept):
            def filled(self, count: int) -> None:
                super().filled(count)
                running.close()

        with pytest.raises(GivesUp, match=f"the image: after 300000 of {len(IMAGE)} bytes"):
            Service(url, "token").stream(url, len(IMAGE), Last())
