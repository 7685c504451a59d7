"""The REST API as the commands call it. A problem document (RFC 9457) becomes one of our errors."""

import ssl
from http import HTTPStatus
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote

import httpx

from bmprov.cli.login import Login
from bmprov.errors import BmprovError, Fatal, Retryable

_REQUEST_S = 30.0
_PAGE = 1000  # of machines: a megabyte
_UPLOAD_S = 900.0  # after the last byte the service still unpacks and flushes the image
_PIECE_BYTES = 2**18


def path(*parts: str) -> str:
    """A path below `/api/v1`; names that an operator has typed are quoted."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


class Api:
    """One keep-alive connection pool to the API. Threads may share it.

    Every method raises:
        Retryable: the API does not answer.
        Fatal: it has refused the request; the text is its own.
    """

    def __init__(self, login: Login) -> None:
        self.endpoint = login.endpoint
        self._client = httpx.Client(**connection(login), timeout=_REQUEST_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, **query: str | int | bool | None) -> Any:  # noqa: ANN401 - JSON
        """Read."""
        return self._ask("GET", path, params={name: value for name, value in query.items() if value is not None})

    def every(self, of: str, **query: str | int | bool | None) -> list[Any]:
        """The whole of a list, such as `machines`, page by page."""
        found, after = list[Any](), None
        while True:
            page = self.get(path(of), **query, limit=_PAGE, after=after)
            found += page[of]
            after = page["next"]
            if after is None:
                return found

    def post(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Order something."""
        return self._ask("POST", path, json=body)

    def put(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        """Set something."""
        return self._ask("PUT", path, json=body)

    def delete(self, path: str) -> None:
        """Remove something."""
        self._ask("DELETE", path)

    def upload(self, path: str, content: IO[bytes], size_bytes: int, query: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
        """Send a file's content as the body."""
        pieces = iter(lambda: content.read(_PIECE_BYTES), b"")
        headers = {"Content-Length": str(size_bytes), "Content-Type": "application/octet-stream"}
        timeout = httpx.Timeout(_REQUEST_S, read=_UPLOAD_S)
        return self._ask("PUT", path, content=pieces, headers=headers, params=query, timeout=timeout)

    def _ask(self, method: str, path: str, **request: Any) -> Any:  # noqa: ANN401 - JSON
        try:
            answer = self._client.request(method, path, **request)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Fatal(f"'{self.endpoint}' is no endpoint ({error})", "it is a URL: https://host:port") from error
        except httpx.HTTPError as error:
            raise no_answer(self.endpoint, error) from error
        if answer.status_code == HTTPStatus.NO_CONTENT:
            return None
        return told(self.endpoint, answer)


def connection(login: Login) -> dict[str, Any]:
    """What httpx needs to know to call the API: where it is, who calls, what certificates are believed.

    Raises:
        Fatal: the CA file is not usable.
    """
    return {
        "base_url": f"{login.endpoint}/api/v1",
        "headers": {"Authorization": f"Bearer {login.token}"},
        "verify": trust(login.ca),
        "trust_env": False,  # a proxy of the environment is for the internet, not for the machine room
    }


def trust(ca: str) -> ssl.SSLContext:
    """What certificates are believed: those of a PEM file, or of the system's authorities.

    Raises:
        Fatal: the file is not usable.
    """
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise Fatal(f"the CA file {ca} is not usable ({error})", "it must be a PEM file that you may read") from error


def no_answer(endpoint: str, error: httpx.HTTPError) -> BmprovError:
    """What it means that a call got no answer."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Fatal(f"the certificate of {endpoint} is not trusted ({error})", "give its CA file with --ca")
    return Retryable(
        f"{endpoint} did not answer ({str(error) or type(error).__name__})", "look whether `bmprov serve` runs"
    )


def told(endpoint: str, answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    """The JSON of an answer.

    Raises:
        Retryable, Fatal: the API has refused the request, or this is no answer of bmprov's.
    """
    if not answer.is_success:
        raise _refusal(endpoint, answer)
    return _json(endpoint, answer)


def _refusal(endpoint: str, answer: httpx.Response) -> BmprovError:
    problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    said = _json(endpoint, answer) if problem else {}
    if "detail" not in said:
        return Fatal(f"{endpoint} answered {answer.status_code} and not as bmprov does", "look at the endpoint")
    kind = Retryable if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE else Fatal
    return kind(str(said["detail"]), str(said.get("check") or ""))


def _json(endpoint: str, answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    try:
        return answer.json()
    except ValueError as error:
        raise Fatal(f"{endpoint} answered something else than JSON", "look at the endpoint") from error
