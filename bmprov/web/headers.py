"""The headers of every page. Scripts and styles of our own files alone may run and load; nobody may frame us."""

from flask import Response

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # with `no-referrer`, browsers send `Origin: null` with our own forms
}


def dress(response: Response) -> Response:
    """Set the headers that a view has not set itself."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
