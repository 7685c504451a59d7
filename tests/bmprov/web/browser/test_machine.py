"""A machine's page in a browser: by keyboard alone, by two people at once, without scripts, for everybody to read."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from bmprov.lifecycle import Kind, State
from bmprov.model import Bmc, Machine, Nic, OperationState, PowerReading, Role, StepRun
from bmprov.power import Power
from bmprov.store import Store
from tests.bmprov.web.browser.conftest import grave

Open = Callable[..., Page]


@pytest.fixture
def machine(store: Store, request: pytest.FixtureRequest) -> Machine:
    """One of this test's own."""
    name = f"rack1-{abs(hash(request.node.name)) % 10**6:06}"
    nic = Nic(f"52:54:00:{name[-6:-4]}:{name[-4:-2]}:{name[-2:]}", 0, netboot=True)
    reading = PowerReading(Power.OFF, store.clock())
    bmc = Bmc(f"fake://{name}", "root", b"")
    made = Machine(name, name, bmc, (nic,), state=State.AVAILABLE, cpus=64, memory_mib=262144, reading=reading)
    with store.write() as transaction:
        transaction.machines.add(made)
    return made


def operations(store: Store, machine: Machine) -> list[str]:
    with store.read() as transaction:
        return [f"{one.kind} {one.action} by {one.requested_by}" for one in transaction.operations.all(10, machine.id)]


def test_an_order_is_given_by_the_keyboard_alone(open_as: Open, store: Store, machine: Machine) -> None:
    """Tab to the button, Enter, read the question, Enter; Escape leaves it, and the focus is where it was."""
    page = open_as(Role.OPERATOR, f"/machines/{machine.name}")
    page.wait_for_load_state("networkidle")
    _tab_to(page, "Power on")
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog")
    expect(question).to_contain_text(f"Power on {machine.name}?")
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(page.get_by_role("link", name="Power on", exact=True)).to_be_focused()
    assert operations(store, machine) == []
    page.keyboard.press("Enter")
    expect(question).to_be_visible()
    _tab_to(page, f"Power on {machine.name}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text(f"Power on of {machine.name} has begun.")
    assert len(operations(store, machine)) == 1
    expect(page.locator("#machine-head")).to_contain_text("Power on is under way")


def _tab_to(page: Page, name: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"'{name}' is not reached by Tab")


def test_the_second_of_two_is_told_and_nothing_is_done(open_as: Open, store: Store, machine: Machine) -> None:
    first, second = (open_as(Role.OPERATOR, f"/machines/{machine.name}") for _ in range(2))
    for page, order in ((first, "Power on"), (second, "Reset")):
        page.wait_for_load_state("networkidle")
        page.get_by_role("link", name=order, exact=True).click()
        expect(page.get_by_role("dialog")).to_be_visible()
    first.get_by_role("button", name=f"Power on {machine.name}").click()
    expect(first.locator("#machine-head")).to_contain_text("Power on is under way")
    expect(second.locator("#machine-head")).to_contain_text("Power on is under way")  # behind the open question
    second.get_by_role("button", name=f"Reset {machine.name}").click()
    expect(second.get_by_role("alert").last).to_contain_text("Nothing was done")
    expect(second.get_by_role("alert").last).to_contain_text("power on")
    assert len(operations(store, machine)) == 1


def test_without_scripts_orders_are_asked_and_given_too(open_as: Open, store: Store, machine: Machine) -> None:
    page = open_as(Role.OPERATOR, f"/machines/{machine.name}", java_script_enabled=False)
    page.get_by_role("link", name="Maintenance", exact=True).click()
    page.get_by_label("Reason").fill("left PSU <b>")
    page.get_by_role("button", name="Put").click()
    expect(page.locator("#machine-head")).to_contain_text("left PSU <b>")
    with store.read() as transaction:
        found = transaction.machines.get(machine.id)
    assert found
    assert found.maintenance == "left PSU <b>"


def test_a_viewer_sees_no_orders(open_as: Open, machine: Machine) -> None:
    page = open_as(Role.VIEWER, f"/machines/{machine.name}")
    expect(page.get_by_role("heading", name=machine.name)).to_be_visible()
    for order in ("Power on", "Release", "Maintenance", "Write a note", "Remove"):
        expect(page.get_by_role("link", name=order, exact=True)).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_pages(open_as: Open, store: Store, machine: Machine, scheme: str) -> None:
    """axe-core finds nothing serious on a machine, its question, and an operation that has failed; none is too wide."""
    operation = _failed(store, machine)
    page = open_as(Role.ADMIN, f"/machines/{machine.name}", color_scheme=scheme, viewport={"width": 390, "height": 844})
    page.wait_for_load_state("networkidle")
    assert grave(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("link", name="Remove", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert grave(page) == []
    page.goto(f"/operations/{operation}", wait_until="networkidle")
    assert grave(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def _failed(store: Store, machine: Machine) -> str:
    with store.write() as transaction:
        operation = transaction.operations.begin(Kind.BMC, machine, "ann", command="check")
        at = operation.created_at
        for run in (
            StepRun("check", 1, at, at + 1, "retry", "BMC did not answer"),
            StepRun("check", 2, at + 2, at + 3, "fail", "BMC did not answer"),
            StepRun("DHCP", 1, at + 1, at + 1, "note", "NIC was given 10.1.0.7"),
        ):
            transaction.operations.record(operation, run)
        words = {"error": "BMC did not answer", "check": "look at its cable"}
        transaction.operations.finish(operation, machine, OperationState.FAILED, **words)
        return operation.id
