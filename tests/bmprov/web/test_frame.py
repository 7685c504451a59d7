"""The frame of all pages: headers, static files, and errors that say what to do."""

import pytest
from flask import Flask

from bmprov.web.assets import Assets
from tests.bmprov.web.signing_in import Tab


def test_a_page_that_is_not_there_says_where_to_go(viewer: Tab) -> None:
    answer = viewer.get("/nowhere/at/all")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "/nowhere/at/all" in answer.text


def test_markup_in_an_address_is_text(viewer: Tab) -> None:
    answer = viewer.get("/<script>alert(1)</script>")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_nothing_but_our_own_scripts_may_run(viewer: Tab) -> None:
    policy = viewer.get("/nowhere").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_the_api_keeps_its_own_errors(viewer: Tab) -> None:
    answer = viewer.get("/api/v1/nowhere")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_a_file_is_kept_for_good_under_the_name_of_its_content(app: Flask) -> None:
    url = Assets().url("app.css")
    answer = app.test_client().get(url)
    assert answer.mimetype == "text/css"
    assert "immutable" in answer.headers["Cache-Control"]
    assert app.test_client().get("/static/app.css").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["..%2fapp.py", "nothing.css", ".."])
def test_nothing_outside_the_static_folder_is_served(viewer: Tab, name: str) -> None:
    assert viewer.get(f"/static/{name}").status_code == 404
