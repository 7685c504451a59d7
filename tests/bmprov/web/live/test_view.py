"""`/live/TOPIC` under Flask's own client: who gets a stream, and who is told to come back."""

import pytest
from flask import Flask

from bmprov.web.live.hub import Hub
from tests.bmprov.web.live.listening import Board, read
from tests.bmprov.web.signing_in import Tab


@pytest.fixture
def hub(app: Flask) -> Hub:
    found = app.extensions["live"]
    assert isinstance(found, Hub)
    found.topics.add("board", Board({"a": "<p id=a>1</p>"}))
    return found


def test_a_server_that_hands_nothing_over_streams_itself(hub: Hub, app: Flask, viewer: Tab) -> None:
    """In its own thread; the first word is how long to wait before coming back."""
    with app.app_context():
        answer = viewer.get("/live/board?etag=x", buffered=False)
    lines = (line for piece in answer.response for line in piece.decode().splitlines(keepends=True))  # type: ignore[union-attr]
    assert next(lines).startswith("retry: ")
    assert next(read(lines)).event == "resync"
    answer.close()
    hub.close()


def test_too_many_pages_are_told_to_come_back(app: Flask, viewer: Tab) -> None:
    """They reload from time to time instead."""
    assert isinstance(app.extensions["live"], Hub)
    app.extensions["live"]._most = 0
    answer = viewer.get("/live/hall")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_a_head_has_no_stream(hub: Hub, viewer: Tab) -> None:
    """It takes no place of a page's."""
    answer = viewer.head("/live/board")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "text/event-stream", b"")
    assert not hub.full


def test_a_stranger_hears_nothing(hub: Hub, stranger: Tab) -> None:
    """The browser gets the sign-in page, which is no stream."""
    answer = stranger.get("/live/board")
    assert answer.status_code in {302, 303, 401}
    assert answer.mimetype != "text/event-stream"
    assert not hub.full
