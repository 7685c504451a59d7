"""Answers that a client may keep and has to ask again about: an entity tag, and 304 when it is still right (RFC 9110).

The tag is of the body's bytes, so it is strong, and the same from every process. It is made after the fact: what is
saved is the way to the client and the client's own work, not the database's.
"""

import hashlib
from http import HTTPStatus

from flask import Request, Response

_TAG_BYTES = 16


def revalidated(response: Response, asked: Request) -> Response:
    """The answer with its tag; without its body, when the client has that already (RFC 9110, section 13.1.2)."""
    tag = hashlib.blake2b(response.get_data(), digest_size=_TAG_BYTES).hexdigest()
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    if asked.if_none_match.contains_weak(tag):
        response.status_code = HTTPStatus.NOT_MODIFIED
        response.set_data(b"")
        response.headers.pop("Content-Type", None)
        response.headers.pop("Content-Length", None)
    return response
