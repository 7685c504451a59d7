"""An OpenID provider that nobody here wrote, as a real server, and the page that signs people in at it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from oidc_provider_mock import User, run_server_in_thread

from bmprov.serve import application
from bmprov.services import Services
from bmprov.web_settings import WebSettings

PEOPLE = (
    User(sub="1", claims={"preferred_username": "Ann", "groups": ["staff", "dc-ops"]}),
    User(sub="2", claims={"email": "bob@example.org", "groups": ["dc-admins", "dc-ops"]}),
    User(sub="3", claims={"preferred_username": "cy", "groups": ["sales"]}),
    User(sub="4", claims={"preferred_username": "dan", "realm_access": {"roles": ["dc-ops"]}}),
    User(sub="5", claims={"preferred_username": "<b>Zoë</b>", "groups": "dc-ops"}),
)


@pytest.fixture(scope="package")
def provider() -> Iterator[str]:
    """Its issuer."""
    with run_server_in_thread(user_claims=PEOPLE) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def settings(provider: str, tmp_path: Path) -> WebSettings:
    (tmp_path / "client").write_text("what the provider gave us\n")
    return WebSettings(
        url="https://localhost",
        oidc_issuer=provider,
        oidc_client_id="bmprov",
        oidc_client_secret_file=str(tmp_path / "client"),
        oidc_roles=("dc-ops=operator", "dc-admins=admin"),
    )


@pytest.fixture
def app_with(services: Services) -> Callable[[WebSettings], Flask]:
    """The application with some settings of the page."""
    return lambda web: application(replace(services, web=web))
