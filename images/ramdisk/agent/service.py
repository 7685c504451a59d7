"""The agent's side of docs/ramdisk-api.md, over HTTP, patient with a service that restarts."""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from .words import GivesUp, say

READ_BYTES = 1 << 18
PATIENCE_S = 300.0  # a service that is away for longer has given up on us, or we on it
TIMEOUT_S = 30.0
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)


class Sink(Protocol):
    """Takes the bytes of a large file where they belong, so that they are not copied."""

    def room(self) -> memoryview:
        """Where the next bytes go; never empty."""

    def filled(self, count: int) -> None:
        """So many bytes were put there."""


class Service:
    """The calls of docs/ramdisk-api.md. What is not answered is asked again; what is refused ends the agent."""

    def __init__(self, api: str, token: str) -> None:
        self._api = api
        self._headers = {"Authorization": f"Bearer {token}"}

    def tell(self, name: str, told: Mapping[str, Any]) -> None:
        """`POST` one call."""
        body = json.dumps(told).encode()
        patiently(name, lambda: self._once("POST", f"{self._api}/{name}", body))

    def progress(self, done_bytes: int, total_bytes: int) -> None:
        """Say how far it is; not repeated, for the next one comes in a second."""
        body = json.dumps({"done_bytes": done_bytes, "total_bytes": total_bytes}).encode()
        try:
            self._once("POST", f"{self._api}/progress", body)
        except (OSError, http.client.HTTPException):
            say("progress was not heard")

    def deployment(self) -> dict[str, Any]:
        """What to do."""
        told: dict[str, Any] = json.loads(self.fetch(f"{self._api}/deployment"))
        return told

    def fetch(self, url: str) -> bytes:
        """A small document."""
        return patiently(urlsplit(url).path.rpartition("/")[2], lambda: self._once("GET", url))

    def _once(self, method: str, url: str, body: bytes | None = None) -> bytes:
        with Answer(method, url, self._headers, body) as answer:
            return answer.read()

    def stream(self, url: str, size: int, into: Sink) -> None:
        """Put a large file of `size` bytes into `into`, over as many connections as it takes."""
        got = 0
        for waited in Patience("the image"):
            try:
                with Answer("GET", url, self._headers | {"Range": f"bytes={got}-"}) as answer:
                    known = 0 if answer.is_rest else got
                    while count := answer.readinto(into.room()[: min(known or READ_BYTES, READ_BYTES)]):
                        if known:  # what follows it is read to the same place
                            known -= count
                            continue
                        got += count
                        waited.over()
                        into.filled(count)
            except (OSError, http.client.HTTPException) as error:
                waited.go_on(f"after {got} of {size} bytes, {error}")
                say(f"the connection broke after {got} of {size} bytes ({error}), fetching on from there")
            if got >= size:
                return


class Answer:
    """One HTTP request and its answer, on a connection of its own.

    Raises:
        GivesUp: the service refuses.
        OSError, http.client.HTTPException: ask again.
    """

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port or 80, timeout=TIMEOUT_S)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            self._connection.request(method, target, body, dict(headers))
            self._response = self._connection.getresponse()
            self._judge(method, parts.path)
        except BaseException:
            self._connection.close()
            raise

    def _judge(self, method: str, path: str) -> None:
        status = self._response.status
        if status in (500, 502, 503, 504):
            raise http.client.HTTPException(f"the service answered {status}")
        if status not in (200, 204, 206):
            told = self._response.read(300).decode(errors="replace")
            raise GivesUp(f"{method} {path.rpartition('/')[2]} was answered {status}: {told}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def is_rest(self) -> bool:
        """Whether it begins where it was asked to; a server without ranges sends everything (RFC 9110, 14.2)."""
        return self._response.status == HTTPStatus.PARTIAL_CONTENT

    def read(self) -> bytes:
        """All of it."""
        return self._response.read()

    def readinto(self, memory: memoryview) -> int:
        """The next bytes; 0 at the end. An answer that ends too early is an error."""
        count = self._response.readinto(memory)
        if not count and self._response.length:
            raise http.client.IncompleteRead(b"", self._response.length)
        return count


class Patience:
    """Tries with growing pauses, until nothing has moved for `PATIENCE_S`."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._tries = 0
        self._moved = time.monotonic()
        self._error: object = None

    def __iter__(self) -> "Iterator[Patience]":
        while True:
            yield self
            if time.monotonic() - self._moved > PATIENCE_S:
                raise GivesUp(f"the service did not answer for {PATIENCE_S:g} s ({self._what}: {self._error})")
            time.sleep(PAUSES_S[max(0, min(self._tries, len(PAUSES_S)) - 1)])

    def go_on(self, error: object) -> None:
        """The try failed."""
        self._tries += 1
        self._error = error

    def over(self) -> None:
        """Something came."""
        self._tries, self._moved = 0, time.monotonic()


def patiently(what: str, ask: Callable[[], bytes]) -> bytes:
    """The answer, however often it has to be asked for."""
    for waited in Patience(what):
        try:
            return ask()
        except (OSError, http.client.HTTPException) as error:
            waited.go_on(error)
            say(f"{what}: {error}, asking again")
    raise AssertionError
