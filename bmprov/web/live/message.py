"""Messages of an event stream, as bytes: WHATWG HTML, section 9.2 "Server-sent events".

`regions` brings HTML by element id, `resync` asks the page to fetch itself anew, `trouble` says what keeps the page
from being up to date (or, empty, that nothing does any longer), `beat` tells the server's time, `bye` ends the stream
for good. `id` is the etag of what the page shows once it has done what the message says.
"""

import json
from collections.abc import Mapping

from bmprov.web.live.feed import Change

CONTENT_TYPE = "text/event-stream"


def changed(change: Change) -> bytes:
    """What brings a page up to date."""
    if change.regions is None:
        return _message("resync", {})
    return _message("regions", change.regions, change.etag)


def trouble(sentence: str) -> bytes:
    """Why the page may not be true any longer; an empty sentence: it is again."""
    return _message("trouble", sentence)


def beat(now: float, etag: str = "") -> bytes:
    """The server lives. `now` is its time, in seconds since the epoch."""
    return _message("beat", round(now, 3), etag)


def bye() -> bytes:
    """Who listens may do so no longer: the page is to ask for itself, and will be told why."""
    return _message("bye", {})


def retry(milliseconds: int) -> bytes:
    """How long the browser waits before it connects again."""
    return b"retry: %d\n\n" % milliseconds


def _message(event: str, told: Mapping[str, str] | str | float, etag: str = "") -> bytes:
    named = f"id: {etag}\n" if etag else ""
    # JSON escapes line ends, so that the data is one line whatever a name or a note holds
    return f"{named}event: {event}\ndata: {json.dumps(told, separators=(',', ':'))}\n\n".encode()
