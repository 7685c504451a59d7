"""The Health page: what is wrong comes first; what cannot be asked says so; all well looks calm."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from bmprov.health import Facts, Severity, troubles
from bmprov.health.facts import Pulse
from bmprov.lifecycle import Event
from bmprov.model import Machine, PowerReading, Role
from bmprov.queue import JobQueue
from bmprov.serve import application
from bmprov.services import Services
from bmprov.web.badge import Badge, Tally
from bmprov.web.health import Picture
from tests.bmprov.web.signing_in import Tab, signed_in, tab, words

EVIL = "<b onmouseover=alert(1)>BMC</b>"


def test_without_machines_and_troubles_all_is_well(viewer: Tab) -> None:
    shown = words(viewer.get("/health"))
    assert "All is well" in shown
    assert "No machine is enrolled" in shown


def test_what_is_wrong_comes_first_with_what_to_check(
    viewer: Tab, services: Services, add_machine: Callable[..., Machine]
) -> None:
    """A machine without a watch is an error; its silent BMC is named, with why; markup in that is text."""
    machine = add_machine(1)
    with services.store.write() as transaction:
        transaction.machines.swept(machine, PowerReading(error=f"did not answer {EVIL}"))
    answer = viewer.get("/health")
    shown = words(answer)
    assert shown.index("bmprov watch runs") < shown.index("could not be read") < shown.index("Power")
    assert f'href="/machines/{machine.name}"' in answer.text
    assert "<b onmouseover" not in answer.text


def test_a_machine_that_has_a_trouble_is_a_link_in_it(
    viewer: Tab, services: Services, add_machine: Callable[..., Machine]
) -> None:
    """What is a whole site's says that it is one."""
    machine = add_machine(1)
    with services.store.write() as transaction:
        transaction.machines.apply(machine, Event.RESERVE, reserved_until=transaction.now - 600)
    text = viewer.get("/health").text
    wrong = text[text.index('id="health-troubles"') : text.index("</ol>")]
    assert f'<span class="where"><a href="/machines/{machine.name}">{machine.name}</a>:</span>' in wrong
    assert f'<span class="where">site {machine.site}:</span>' in wrong


def test_redis_that_is_down_is_told_and_the_store_is_shown(
    services: Services, add_machine: Callable[..., Machine]
) -> None:
    machine = add_machine(1)
    without = replace(services, queue=JobQueue("redis://127.0.0.1:1/0"))
    shown = words(tab(application(without), signed_in(services.store)).get("/health"))
    assert "Redis does not answer" in shown
    assert "of 1 machine answered" in shown
    assert machine.name not in shown  # its BMC answered


@pytest.mark.parametrize("error", ["", "the database did not answer"])
def test_without_facts_the_page_is_still_drawn(app: Flask, services: Services, error: str) -> None:
    facts: Facts = replace(
        services.checkup.facts(), census=None, pulse=Pulse() if not error else None, redis_error=error
    )
    picture = Picture.of(facts)
    with app.app_context():
        module = app.jinja_env.get_template("health_parts.html").module
        drawn = {
            name: getattr(module, name)(picture) for name in ("bmcs", "sweeps", "work", "processes", "drift", "peers")
        }
    assert "Not known" in drawn["bmcs"]
    assert ("Not known" in drawn["work"]) is bool(error)


def test_the_badge_counts_what_is_wrong(services: Services, add_machine: Callable[..., Machine]) -> None:
    add_machine(1)
    badge = Badge(services.checkup, clock=lambda: 0.0)
    assert badge.told() == Tally()  # nobody waits for it
    badge.look()
    facts = services.checkup.facts()
    errors = [one for one in troubles(facts, facts.at) if one.severity is Severity.ERROR]
    assert badge.told().errors == len(errors) > 0


def test_every_role_sees_it(tab_as: Callable[..., Tab]) -> None:
    for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
        assert tab_as(role).get("/health").status_code == 200
        assert tab_as(role).get("/health/badge").get_json().keys() == {"errors", "warnings"}
