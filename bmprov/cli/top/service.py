"""The REST API as `bmprov top` asks it: again and again, without waiting in the screen's way.

Every question is a conditional GET (RFC 9110, section 13): what has not changed is not sent again.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx

from bmprov.cli.api import connection, no_answer, told
from bmprov.cli.legible import legible_json
from bmprov.cli.login import Login
from bmprov.errors import Fatal

_REQUEST_S = 10.0
_REMEMBERED = 64
_LARGE_BYTES = 2**15  # what takes longer to read than a key may wait

Query = str | int | bool | None


@dataclass(frozen=True)
class _Known:
    etag: str
    body: Any


class Service:
    """The API, for one screen. Texts are legible: see `bmprov.cli.legible`.

    Every question raises:
        Retryable: the API does not answer.
        Fatal: it has refused the request; the text is its own.
    """

    def __init__(self, login: Login) -> None:
        self.endpoint = login.endpoint
        self._client = httpx.AsyncClient(**connection(login), timeout=_REQUEST_S)
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def get(self, path: str, **query: Query) -> Any:  # noqa: ANN401 - JSON
        """Read. What has not changed since is the same object as before."""
        try:
            request = self._client.build_request("GET", path, params={k: v for k, v in query.items() if v is not None})
            known = self._known.get(str(request.url))
            if known:
                request.headers["If-None-Match"] = known.etag
            answer = await self._client.send(request)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Fatal(f"'{self.endpoint}' is no endpoint ({error})", "it is a URL: https://host:port") from error
        except httpx.HTTPError as error:
            raise no_answer(self.endpoint, error) from error
        if known and answer.status_code == HTTPStatus.NOT_MODIFIED:
            self._known.move_to_end(str(request.url))
            return known.body
        return await self._read(str(request.url), answer)

    async def every(self, path: str, field: str, **query: Query) -> list[Any]:
        """All records of a list, page by page."""
        page = await self.get(path, **query)
        found = list(page[field])
        while after := page.get("next"):
            page = await self.get(path, **query, after=after)
            found += page[field]
        return found

    async def _read(self, url: str, answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
        large = len(answer.content) > _LARGE_BYTES
        body = await asyncio.to_thread(self._legible, answer) if large else self._legible(answer)
        if etag := answer.headers.get("ETag"):
            self._known[url] = _Known(etag, body)
            self._known.move_to_end(url)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return body

    def _legible(self, answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
        return legible_json(told(self.endpoint, answer))
