"""Sending pages and files: small (RFC 8878 and 1952, by what the browser takes), and not again what it has (RFC 9110).

What a tenant names and a form's token stand on one page, and the length of a packed page would tell how much of the
one is in the other (the attack BREACH): therefore the token looks different in each answer (`own_page.field`). For the
same reason it does not count in the page's ETag.
"""

import gzip
import hashlib
import re

import zstandard
from flask import Request, Response

from bmprov.web.people.own_page import FIELD

_PACKED = frozenset({"text/html", "text/css", "text/javascript", "image/svg+xml", "application/manifest+json"})
_WORTH_BYTES = 1024
_GZIP_LEVEL = 4  # a hall of 10,000 in 50 ms; 9 takes five times as long for a tenth less
_ZSTD_LEVEL = 3
_TOKEN = re.compile(rf'name="{FIELD}" value="[0-9a-f]*"'.encode())


def send(request: Request, response: Response, *, keep: bool) -> Response:
    """Leave out what the browser has, pack what is left. A stream goes as it is.

    A page that the browser may `keep` gets an ETag; all others are kept nowhere.
    """
    if response.is_streamed or response.direct_passthrough or response.mimetype not in _PACKED:
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code == 200 and request.method in ("GET", "HEAD"):  # noqa: PLR2004 - OK
        if keep:
            response.set_etag(_etag(response.get_data()), weak=True)
            response.headers["Cache-Control"] = "private, no-cache"
        response.make_conditional(request)
    return _pack(request, response)


def _etag(content: bytes) -> str:
    return hashlib.blake2b(_TOKEN.sub(b"", content), digest_size=16).hexdigest()


def _pack(request: Request, response: Response) -> Response:
    coding = request.accept_encodings.best_match(["zstd", "gzip"])
    content = response.get_data()
    if coding is None or len(content) < _WORTH_BYTES or "Content-Encoding" in response.headers:
        return response
    packed = (
        zstandard.compress(content, _ZSTD_LEVEL) if coding == "zstd" else gzip.compress(content, _GZIP_LEVEL, mtime=0)
    )
    response.set_data(packed)
    response.headers["Content-Encoding"] = coding
    return response
