"""Signing in to the page in tests: somebody with a session in the store, and a browser that shows its cookie."""

import re
import secrets
import uuid
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bmprov.model import Person, Role
from bmprov.orders import Browser
from bmprov.orders.signing_in import enter
from bmprov.store import Store
from bmprov.web.people import cookies, own_page

LASTS_S = 3600.0
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
"""What browsers send with our own forms."""


def signed_in(store: Store, role: Role = Role.VIEWER, name: str = "", how: str = "by a test") -> str:
    """A session's secret: the value of the cookie `cookies.SESSION`. Its person is made if there is none."""
    with store.write() as transaction:
        name = name or f"{role}-{secrets.token_hex(2)}"
        if transaction.people.named(name) is None:
            transaction.people.add(Person(str(uuid.uuid4()), name, role))
        person = transaction.people.named(name)
        assert person is not None
        return enter(transaction, person, Browser("127.0.0.1", "Chromium on Linux"), LASTS_S, how).secret


class Tab(FlaskClient):
    """A browser at the page over HTTPS, that shows the token in what it posts as our own forms do."""

    def post_form(self, path: str, **fields: str) -> TestResponse:
        """Post a form of our own page."""
        cookie = self.get_cookie(cookies.SESSION)
        token = own_page.token_of(cookie.value) if cookie else ""
        return self.post(path, data={own_page.FIELD: token, **fields}, headers=OWN_PAGE)

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:  # noqa: ANN401 - Flask's
        """As Flask's, over HTTPS: browsers send our cookies over nothing else."""
        kwargs.setdefault("base_url", "https://localhost")
        return super().open(*args, **kwargs)


def tab(app: Flask, secret: str = "") -> Tab:
    """A browser's tab, signed in with a session's secret."""
    app.test_client_class = Tab
    client = app.test_client()
    assert isinstance(client, Tab)
    if secret:
        client.set_cookie(cookies.SESSION, secret)
    return client


def words(answer: TestResponse) -> str:
    """What a page says, without its markup, in one line."""
    main = answer.text[answer.text.index("<header") :] if "<header" in answer.text else answer.text
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())
