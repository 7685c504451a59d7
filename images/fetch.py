"""Fetching an image over HTTP (RFC 9110): what broke off goes on where it was, and is hashed while it comes.

A download goes on, also that of an earlier run, only when the server gives a strong validator and honours it
(`If-Range`, 13.1.5); else it begins again, because two halves of different files are no image. What arrived is
bounded, in bytes and in attempts.
"""

import re
import ssl
import time
from collections.abc import Callable
from http import HTTPStatus

import httpx

from bmprov.errors import BmprovError, Fatal, Invalid, Retryable
from images.checksums import Digests
from images.partial import Partial

MAX_BYTES = 2**40
_SMALL_BYTES = 2**20
_ATTEMPTS = 6
_TIMEOUT_S = 30.0
_REDIRECTS = 5
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


def is_url(source: str) -> bool:
    """Whether it is fetched, and not a file's name."""
    return source.startswith(("http://", "https://"))


def shown(url: str) -> str:
    """A URL without user, password and query, which may be secrets."""
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.netloc.decode()}{parts.path}"


class Fetcher:
    """Fetches over HTTP. `sleep` is what it waits with between attempts."""

    def __init__(self, sleep: Callable[[float], object] = time.sleep, max_bytes: int = MAX_BYTES) -> None:
        self._client = httpx.Client(
            verify=ssl.create_default_context(),  # the authorities of the system, and not httpx's own
            follow_redirects=True,
            max_redirects=_REDIRECTS,
            timeout=_TIMEOUT_S,
            headers={"Accept-Encoding": "identity", "User-Agent": "bmprov"},
        )
        self._sleep = sleep
        self._max_bytes = max_bytes

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def small(self, url: str) -> bytes | None:
        """A small document, such as a checksum file; None when the server has none there.

        Raises:
            Fatal, Retryable: it cannot be had.
        """
        content = bytearray()
        try:
            with self._client.stream("GET", url) as answer:
                if answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.GONE):
                    return None  # object stores answer 403 for what is not there
                _accept(answer, url)
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > _SMALL_BYTES:
                        raise Fatal(
                            f"{shown(url)} is larger than {_SMALL_BYTES} bytes", "look whether it is the right URL"
                        )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _broken(url, error) from error
        return bytes(content)

    def fetch(self, url: str, partial: Partial, progress: Callable[[int, int | None], object]) -> Digests:
        """Everything at `url`, and its hashes; `progress` is told bytes so far and in all.

        Raises:
            Fatal: the server has no such thing, or it is too large, or the disk is full.
            Retryable: the server cannot be reached, or breaks off every time.
        """
        failed, furthest = 0, partial.size_bytes
        while True:
            try:
                self._attempt(url, partial, progress)
                return partial.digests()
            except Retryable:
                failed = 1 if partial.size_bytes > furthest else failed + 1
                furthest = max(furthest, partial.size_bytes)
                if failed >= _ATTEMPTS:
                    raise
                self._sleep(2.0 ** (failed - 1))

    def _attempt(self, url: str, partial: Partial, progress: Callable[[int, int | None], object]) -> None:
        headers = partial.asked()
        try:
            with self._client.stream("GET", url, headers=headers) as answer:
                _accept(answer, url)
                if answer.status_code != HTTPStatus.NOT_MODIFIED and not _goes_on(answer, partial):
                    partial.begin(_told_size(answer), _strong_validator(answer))
                self._receive(url, answer, partial, progress)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _broken(url, error) from error
        except OSError as error:
            raise Fatal(f"the download cannot be kept ({error.strerror})", "look at the disk's free space") from error

    def _receive(
        self, url: str, answer: httpx.Response, partial: Partial, progress: Callable[[int, int | None], object]
    ) -> None:
        if max(partial.total_bytes or 0, partial.size_bytes) > self._max_bytes:
            raise Fatal(f"{shown(url)} has {partial.total_bytes} bytes", f"at most {self._max_bytes} are fetched")
        progress(partial.size_bytes, partial.total_bytes)
        for piece in answer.iter_raw():
            partial.take(piece)
            if partial.size_bytes > self._max_bytes:
                raise Fatal(f"{shown(url)} is larger than {self._max_bytes} bytes", "look whether it is the right URL")
            progress(partial.size_bytes, partial.total_bytes)
        if partial.total_bytes is not None and partial.size_bytes != partial.total_bytes:
            raise Retryable(f"{shown(url)} broke off after {partial.size_bytes} of {partial.total_bytes} bytes")


def _accept(answer: httpx.Response, url: str) -> None:
    """Go on only with an answer that has what was asked for.

    Raises:
        Fatal: trying again would not help.
        Retryable: it might.
    """
    if url.startswith("https://") and any(step.url.scheme != "https" for step in [*answer.history, answer]):
        raise Fatal(f"{shown(url)} leads away from https", "ask for the place where it leads, and give a checksum")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise Fatal(f"{shown(url)} comes encoded although it was not asked for so", "look at the server")
    conditions = {HTTPStatus.PARTIAL_CONTENT: "range", HTTPStatus.NOT_MODIFIED: "if-none-match"}
    asked = [status for status, field in conditions.items() if field in answer.request.headers]
    if answer.status_code in (HTTPStatus.OK, *asked):
        return
    if answer.status_code in _AGAIN or answer.is_server_error:
        raise Retryable(f"{shown(url)} was answered with {answer.status_code}", "try again later")
    raise Fatal(f"{shown(url)} was answered with {answer.status_code} {answer.reason_phrase}", "look at the URL")


def _goes_on(answer: httpx.Response, partial: Partial) -> bool:
    """Whether the answer is the rest; False when the server sends all of it: it has changed, or there are no ranges."""
    if answer.status_code != HTTPStatus.PARTIAL_CONTENT:
        return False
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if found is None or int(found[1]) != partial.size_bytes:
        partial.validator = ""  # the next attempt asks for all of it
        raise Retryable("the server sent another range than it was asked for", "look at the server")
    return True


def _told_size(answer: httpx.Response) -> int | None:
    told = answer.headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdigit() else None


def _strong_validator(answer: httpx.Response) -> str:
    """What `If-Range` may hold: a strong entity tag. A date is none: a file may change twice within its second."""
    tag = str(answer.headers.get("etag", ""))
    return tag if tag.startswith('"') else ""


def _broken(url: str, error: Exception) -> BmprovError:
    said = str(error) or type(error).__name__
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return Invalid(f"'{url}' is no URL ({said})", "it begins with http:// or https://")
    if isinstance(error, httpx.TooManyRedirects):
        return Fatal(f"{shown(url)} leads on and on", "look at the URL")
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return Fatal(f"the certificate of {shown(url)} is not trusted ({said})", "set SSL_CERT_FILE to its CA's file")
    return Retryable(f"{shown(url)} cannot be fetched ({said})", "look at the network, and at https_proxy")
