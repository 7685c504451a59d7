"""Signing in at a real provider, over HTTP."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from bmprov.errors import Fatal
from bmprov.model import Role
from bmprov.orders import Caller, NewPerson, PersonChange
from bmprov.services import Services
from bmprov.web.oidc.sign_on import BACK, provider_of
from bmprov.web.people import cookies
from bmprov.web_settings import WebSettings
from tests.bmprov.web.signing_in import Tab, tab, words

BOSS = Caller("boss", Role.ADMIN, "", "10.0.0.1")


def leave(client: Tab, to: str = "/") -> str:
    """Press the button; where the provider is asked."""
    answer = client.get(f"/sign-in/oidc?to={to}")
    assert answer.status_code == 303, answer.text
    return answer.location


def agree(asked: str, subject: str, **form: str) -> str:
    """Be `subject` at the provider, and agree; where it sends the browser back to, without the host."""
    answer = httpx.post(asked, data={"sub": subject, **form})
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    assert (back.scheme, back.netloc, back.path) == ("https", "localhost", BACK)
    return f"{back.path}?{back.query}"


def sign_on(client: Tab, subject: str, to: str = "/") -> TestResponse:
    return client.get(agree(leave(client, to), subject))


def events(services: Services) -> list[tuple[str, str]]:
    with services.store.read() as transaction:
        return [(one.what, one.actor) for one in reversed(transaction.events.newest(1000))]


@pytest.fixture
def client(app_with: Callable[[WebSettings], Flask], settings: WebSettings) -> Tab:
    return tab(app_with(settings))


def test_the_provider_is_asked_as_it_must_be(client: Tab) -> None:
    """Code flow, PKCE by SHA-256, state and nonce of their own each time, our address of the settings."""
    asked = [parse_qs(urlsplit(leave(client)).query) for _ in range(2)]
    first = {name: values[0] for name, values in asked[0].items()}
    assert first["response_type"] == "code"
    assert first["redirect_uri"] == f"https://localhost{BACK}"
    assert first["scope"] == "openid profile email"
    assert first["code_challenge_method"] == "S256"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert asked[0][name] != asked[1][name]


def test_who_is_new_comes_in_with_the_role_of_their_group(client: Tab, services: Services) -> None:
    """The highest of several; the page that was wanted is shown; all of it is in the log."""
    answer = sign_on(client, "1", "/me")
    assert (answer.status_code, answer.location) == (303, "/me")
    shown = words(client.get("/me"))
    assert "ann" in shown
    assert "operator" in shown
    other = tab(client.application)
    sign_on(other, "2")
    assert "bob@example.org" in words(other.get("/me"))
    with services.store.read() as transaction:
        assert {one.name: one.role for one in transaction.people.all()} == {
            "ann": Role.OPERATOR,
            "bob@example.org": Role.ADMIN,
        }
    assert events(services)[:2] == [("person added", "ann"), ("signed in", "ann")]


def test_the_role_is_told_anew_each_time(
    app_with: Callable[[WebSettings], Flask], settings: WebSettings, services: Services
) -> None:
    """Who comes again is the same person, with what the provider says today; nobody else gives them a role."""
    sign_on(tab(app_with(settings)), "1")
    changed = replace(settings, oidc_roles=("staff=viewer",))
    client = tab(app_with(changed))
    sign_on(client, "1")
    assert "viewer" in words(client.get("/me"))
    with services.store.read() as transaction:
        (ann,) = transaction.people.all()
        assert ann.role is Role.VIEWER
    assert events(services)[-2:] == [("role changed", "ann"), ("signed in", "ann")]


def test_who_has_no_role_stays_outside(client: Tab, services: Services) -> None:
    """Unless there is a default; the page and the log say why; nobody is entered."""
    answer = sign_on(client, "3")
    assert answer.status_code == 403
    assert "gives you no role here" in answer.text
    assert events(services) == [("sign-in failed", "?cy")]
    with services.store.read() as transaction:
        assert transaction.people.all() == []


def test_a_default_role_and_a_claim_inside_a_claim(
    app_with: Callable[[WebSettings], Flask], settings: WebSettings
) -> None:
    """As Keycloak has it."""
    client = tab(app_with(replace(settings, oidc_role_claim="realm_access.roles", oidc_default_role="viewer")))
    sign_on(client, "4")
    assert "operator" in words(client.get("/me"))
    client = tab(client.application)
    sign_on(client, "3")
    assert "viewer" in words(client.get("/me"))


def test_a_name_that_is_taken_here_is_told_apart(client: Tab, services: Services) -> None:
    """A provider's `ann` never becomes the local one, nor a name markup."""
    services.orders.add_person(NewPerson("ann", Role.OPERATOR, "a horse that reads maps"), BOSS)
    sign_on(client, "1")
    assert "ann@localhost" in words(client.get("/me"))
    odd = tab(client.application)
    sign_on(odd, "5")
    assert "b-zo-b" in words(odd.get("/me"))
    services.orders.remove_person("ann", BOSS)
    services.orders.remove_person("ann@localhost", BOSS)
    for name in ("ann", "ann@localhost"):
        services.orders.add_person(NewPerson(name, Role.VIEWER), BOSS)
    assert "somebody else&#39;s here" in sign_on(tab(client.application), "1").text


def test_who_is_disabled_here_stays_outside(client: Tab, services: Services) -> None:
    """Whatever the provider says; and they have no password to be given, and no link past the provider."""
    sign_on(client, "1")
    services.orders.change_person("ann", PersonChange(disabled=True), BOSS)
    assert "account here is disabled" in sign_on(tab(client.application), "1").text
    assert client.get("/me").status_code == 303
    services.orders.change_person("ann", PersonChange(disabled=False), BOSS)
    with pytest.raises(Exception, match="signs in at http://localhost"):
        services.orders.change_person("ann", PersonChange(password="a horse that reads maps"), BOSS)
    with pytest.raises(Exception, match="signs in at http://localhost"):
        services.sign_in_url("ann", BOSS, "localhost")
    assert client.post_form("/sign-in", name="ann", password="").status_code == 401


def test_an_answer_belongs_to_the_browser_that_asked(client: Tab, services: Services) -> None:
    """Another browser's, another sign-in's, one that was used, and none at all."""
    back = agree(leave(client), "1")
    thief = tab(client.application)
    assert "has begun no sign-in" in thief.get(back).text
    leave(thief)
    assert "belongs to another sign-in" in thief.get(back).text
    kept = client.get_cookie(cookies.SIGN_ON)
    assert kept is not None
    assert client.get(back).status_code == 303
    assert client.get_cookie(cookies.SIGN_ON) is None
    assert client.get(back).status_code == 403
    client.set_cookie(cookies.SIGN_ON, kept.value)
    again = client.get(back)
    assert again.status_code == 403
    assert "did not take its code back" in again.text
    assert client.get(f"{BACK}?state=x&code=y").status_code == 403
    assert [what for what, _ in events(services)].count("signed in") == 1


def test_a_sign_in_waits_ten_minutes(client: Tab, services: Services) -> None:
    """Then it is begun anew."""
    back = agree(leave(client), "1")
    before = services.store.clock
    services.store.clock = lambda: before() + 601
    assert "more than ten minutes ago" in client.get(back).text


def test_who_declines_is_told(client: Tab) -> None:
    """What the provider says is text, however it is meant."""
    asked = leave(client)
    state = parse_qs(urlsplit(asked).query)["state"][0]
    answer = client.get(f"{BACK}?state={state}&error=access_denied%3Cb%3E")
    assert answer.status_code == 403
    assert "access_denied&lt;b&gt;" in answer.text
    answer = client.get(f"{BACK}?state={state}&code=x&iss=https://other.example")
    assert "another provider&#39;s" in answer.text


def test_without_a_provider_there_is_no_button(client: Tab, stranger: Tab) -> None:
    """With one, its name is on it."""
    assert "Sign in at localhost" in words(client.get("/sign-in"))
    assert "Sign in at" not in words(stranger.get("/sign-in"))
    assert stranger.get("/sign-in/oidc").status_code == 404


def test_a_provider_that_is_down_is_told_and_asked_again(
    app_with: Callable[[WebSettings], Flask], settings: WebSettings
) -> None:
    """A page in words, at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = tab(app_with(replace(settings, oidc_issuer=f"http://127.0.0.1:{port}")))
    answer = client.get("/sign-in/oidc")
    assert answer.status_code == 503
    assert "the provider did not answer" in answer.text.lower()
    assert "whether the provider runs" in answer.text


@contextmanager
def drip() -> Iterator[int]:
    """A server that sends one byte now and then, for ever; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def serve(peer: socket.socket) -> None:
            with peer:
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
                while not over.wait(0.1):
                    try:
                        peer.sendall(b" ")
                    except OSError:
                        return

        def accept() -> None:
            while not over.is_set():
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(peer,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)


def test_a_provider_that_drips_holds_nobody_up(
    app_with: Callable[[WebSettings], Flask], settings: WebSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call has an end; while two wait, the others are sent away at once and not kept."""
    monkeypatch.setattr("bmprov.web.oidc.wire.CALL_S", 1.0)
    monkeypatch.setattr("bmprov.web.oidc.wire.Wire.__init__.__defaults__", ("", 2.0))
    with drip() as port:
        app = app_with(replace(settings, oidc_issuer=f"http://127.0.0.1:{port}"))
        began = time.monotonic()
        answers: list[str] = []
        threads = [
            threading.Thread(target=lambda: answers.append(tab(app).get("/sign-in/oidc").text)) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - began < 15
    assert sum("does not end" in text for text in answers) == 2
    assert sum("many people are signing in" in text.lower() for text in answers) == 4


def test_a_secret_that_is_not_there_is_told_at_the_start(settings: WebSettings, tmp_path: Path) -> None:
    """And not to the first who signs in; it is in no error."""
    with pytest.raises(Fatal, match="oidc_client_secret_file"):
        provider_of(replace(settings, oidc_client_secret_file=str(tmp_path / "none")))
    with pytest.raises(Fatal, match="oidc_ca"):
        provider_of(replace(settings, oidc_ca=str(tmp_path / "none")))


def test_the_client_shows_its_secret(
    app_with: Callable[[WebSettings], Flask], settings: WebSettings, tmp_path: Path, provider: str
) -> None:
    """A registered client, with characters that must be quoted; a wrong secret is the provider's refusal."""
    made = httpx.post(f"{provider}/oauth2/clients", json={"redirect_uris": [f"https://localhost{BACK}"]}).json()
    file = tmp_path / "secret"
    file.write_text(made["client_secret"] + "\n")
    registered = replace(settings, oidc_client_id=made["client_id"], oidc_client_secret_file=str(file))
    assert sign_on(tab(app_with(registered)), "1").status_code == 303
    file.write_text("wrong:secret/&")
    refused = sign_on(tab(app_with(registered)), "1")
    assert refused.status_code == 403
    assert "invalid_client" in refused.text
    assert not re.search("wrong:secret", refused.text)
