"""The hall in a browser: found as one types, by keyboard alone, kept up to date, on a desk and on a phone."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from bmprov.lifecycle import Event, State
from bmprov.model import Machine, Role
from bmprov.place import Place
from bmprov.store import Store
from tests import crowded_hall
from tests.bmprov.web.browser.conftest import Open, grave

MACHINES = 90
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


@pytest.fixture(scope="module", autouse=True)
def machines(store: Store) -> list[Machine]:
    return crowded_hall.fill(store, MACHINES)


def named(machines: list[Machine], state: State) -> Machine:
    return next(one for one in machines if one.state is state)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("r002-u07", 1),
        ("52-54-00-00-00-05", 1),
        ("525401000005", 1),
        ("ipmi://10.0.0.33", 1),
        ("33333333-3333-4333-8333-00000000000a", 1),
        ("i-2-12-vm", 1),
        ("R003 hdd u1", 1),
        ("nothing of the kind", 0),
    ],
)
def test_a_machine_is_found_by_what_one_knows_of_it(open_as: Open, typed: str, found: int) -> None:
    """Name, MAC in any spelling, BMC, instance by id and name, rack and unit; the address keeps it."""
    page = open_as(Role.VIEWER, "/")
    page.keyboard.press("/")
    page.keyboard.type(typed)
    expect(page.locator("#matched")).to_have_text(f"{found} of {MACHINES}")
    expect(page.locator("#none")).to_be_visible(visible=not found)
    expect(page).to_have_url(re.compile(re.escape(urlencode({"q": typed})) + "$"))
    page.reload(wait_until="domcontentloaded")
    assert page.locator("#search").input_value() == typed


def test_the_hall_by_keyboard_alone(open_as: Open) -> None:
    """Search, go down into what was found, along the rack and to the next one, clear, and open a machine."""
    page = open_as(Role.VIEWER, "/")
    page.keyboard.press("/")
    page.keyboard.type("u10")
    page.keyboard.press("ArrowDown")
    expect(page.locator(":focus b")).to_have_text("r001-u10")
    page.keyboard.press("ArrowRight")
    expect(page.locator(":focus b")).to_have_text("r002-u10")
    page.keyboard.press("Escape")
    expect(page.locator("#matched")).to_have_text("")
    page.keyboard.press("ArrowDown")
    expect(page.locator(":focus b")).to_have_text("r002-u09")
    page.keyboard.press("Home")
    expect(page.locator(":focus b")).to_have_text("r001-u40")
    page.keyboard.press("Enter")
    page.wait_for_url("**/machines/r001-u40")


def test_filters_go_together_and_are_kept(open_as: Open, machines: list[Machine]) -> None:
    """States are alternatives of one another; a state and a mark must both hold. Racks without any fold away."""
    page = open_as(Role.VIEWER, "/")
    page.get_by_role("button", name="error").click()
    page.get_by_role("button", name="deploying").click()
    wanted = [one for one in machines if one.state in (State.ERROR, State.DEPLOYING)]
    expect(page.locator("#matched")).to_have_text(f"{len(wanted)} of {MACHINES}")
    page.get_by_role("button", name="problems only").click()
    errors = [one for one in wanted if one.state is State.ERROR]
    expect(page.locator("#matched")).to_have_text(f"{len(errors)} of {MACHINES}")
    assert page.locator(".rack:visible").count() == len({one.rack for one in errors})
    expect(page).to_have_url(re.compile("k-problem"))
    page.reload(wait_until="domcontentloaded")
    expect(page.get_by_role("button", name="problems only")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#matched")).to_have_text(f"{len(errors)} of {MACHINES}")


def test_a_change_appears_by_itself_and_what_is_looked_for_stays(
    open_as: Open, store: Store, machines: list[Machine]
) -> None:
    """The tile and the counts; then the machine is moved, and stands in its new rack."""
    one = named(machines, State.AVAILABLE)
    page = open_as(Role.VIEWER, f"/?q={one.name}")
    tile = page.locator(f"#m-{one.id}")
    expect(tile).to_contain_class("s-available")
    with store.write() as transaction:
        transaction.machines.apply(one, Event.INSPECT)
    expect(tile).to_contain_class("s-inspecting")
    expect(page.locator("#matched")).to_have_text(f"1 of {MACHINES}")
    with store.write() as transaction:
        transaction.places.put(one, Place("z9", "", "r900", 3, 4))
    expect(page.locator(".rack:visible h3")).to_contain_text("r900")
    expect(tile).to_be_visible()
    assert page.locator("#search").input_value() == one.name
    box = tile.bounding_box()
    assert box is not None
    assert box["height"] == pytest.approx(80, abs=2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_grave_for_those_who_see_or_hear_otherwise(open_as: Open, scheme: str) -> None:
    page = open_as(Role.OPERATOR, "/", color_scheme=scheme)
    assert grave(page) == []


def test_on_a_phone_a_rack_is_a_list_that_a_thumb_can_press(open_as: Open) -> None:
    page = open_as(Role.VIEWER, "/", **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    box = page.locator(".m").first.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert box["width"] > 300
    assert grave(page) == []
