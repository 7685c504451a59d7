"""The page on a real database and a real Valkey."""

from collections.abc import Callable

import pytest
from flask import Flask

from bmprov.model import Role
from bmprov.serve import application
from bmprov.services import Services
from tests.bmprov.api.conftest import add_machine, payload, queue, services, store
from tests.bmprov.web.signing_in import Tab, signed_in, tab

__all__ = ["add_machine", "payload", "queue", "services", "store"]


@pytest.fixture
def app(services: Services) -> Flask:
    return application(services)


@pytest.fixture
def tab_as(app: Flask, services: Services) -> Callable[..., Tab]:
    """Opens the page as somebody with a role; `None` as a stranger."""

    def make(role: Role | None, name: str = "") -> Tab:
        return tab(app, signed_in(services.store, role, name) if role else "")

    return make


@pytest.fixture
def stranger(tab_as: Callable[..., Tab]) -> Tab:
    return tab_as(None)


@pytest.fixture
def viewer(tab_as: Callable[..., Tab]) -> Tab:
    return tab_as(Role.VIEWER, "vera")


@pytest.fixture
def operator(tab_as: Callable[..., Tab]) -> Tab:
    return tab_as(Role.OPERATOR, "otto")


@pytest.fixture
def admin(tab_as: Callable[..., Tab]) -> Tab:
    return tab_as(Role.ADMIN, "ada")
