"""Scripts and styles: files of the package, read once, named by their content so that browsers keep them for good."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from flask import Response, abort, request
from werkzeug.wrappers import Response as Answer

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "json": "application/manifest+json"}
_FOR_GOOD = "public, max-age=31536000, immutable"
_TAG_CHARS = 12


@dataclass(frozen=True)
class Asset:
    """A file. `tag` changes with its content."""

    content: bytes
    mimetype: str
    tag: str


class Assets:
    """All static files. Nothing else is served, whatever name is asked for."""

    def __init__(self) -> None:
        self._found = _read()

    def url(self, name: str) -> str:
        """Where a page finds a file."""
        return f"/static/{name}?v={self._found[name].tag}"

    def serve(self, name: str) -> Answer:
        """Answer a file."""
        asset = self._found.get(name) or abort(404)
        response = Response(asset.content, mimetype=asset.mimetype)
        response.headers["Cache-Control"] = _FOR_GOOD if request.args.get("v") == asset.tag else "no-cache"
        response.set_etag(asset.tag)
        return response.make_conditional(request)


def _read() -> Mapping[str, Asset]:
    found = {}
    for entry in files("bmprov.web").joinpath("static").iterdir():
        content = entry.read_bytes()
        tag = hashlib.sha256(content).hexdigest()[:_TAG_CHARS]
        found[entry.name] = Asset(content, _TYPES[entry.name.rpartition(".")[2]], tag)
    return found
