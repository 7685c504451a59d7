"""A person in a browser at a machine's serial console: real firmware in QEMU, ipmi_sim's Serial over LAN, Chromium."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from bmprov.cli.api import Api
from bmprov.cli.api import path as api_path
from bmprov.cli.login import Login
from bmprov.power import PowerAction
from tests.browser import browser
from tests.lab.lab import Lab, lab
from tests.lab.qemu import Firmware

BOOT_MS = 90_000
NARROW = {"width": 700, "height": 500}


@pytest.mark.timeout(240)
def test_typing_into_a_machines_login_prompt(tiny_image: Path, tmp_path: Path) -> None:
    """From the first line of its firmware to its answer to what is typed, while somebody else watches."""
    with lab(tmp_path / "lab") as running:
        machine = running.machine("bios", Firmware.BIOS, disks_mib=[256])
        shutil.copy(tiny_image, machine.disk)
        with browser(running.settings.api.certificate) as opened:
            alice, bob = opened(), opened(viewport=NARROW)
            alice.goto(console(running))
            expect(alice.locator("#state")).to_contain_text("you have the keyboard")
            expect(alice.locator("#machine")).to_have_text("bios")
            running.switch("bios", PowerAction.ON)
            expect(terminal(alice)).to_contain_text("SeaBIOS", timeout=BOOT_MS)
            expect(terminal(alice)).to_contain_text("tiny: ready", timeout=BOOT_MS)
            alice.keyboard.type("\n")  # its other lines stand behind the first prompt
            alice.keyboard.type("guest\n")
            expect(terminal(alice)).to_contain_text("login: guest")
            expect(terminal(alice)).to_contain_text("Password:")
            alice.keyboard.type("guess\n")
            expect(terminal(alice)).to_contain_text("Login incorrect", timeout=15_000)
            alice.screenshot(path=tmp_path / "console.png")

            bob.goto(console(running))
            expect(bob.locator("#state")).to_contain_text("up has the keyboard")
            expect(terminal(bob)).to_contain_text("Login incorrect")
            expect(alice.locator("#state")).to_contain_text("1 other watches")
            bob.keyboard.type("x")
            expect(bob.locator("#notice")).to_contain_text("somebody else has the keyboard")
            bob.screenshot(path=tmp_path / "watching.png")
            bob.get_by_role("button", name="Take the keyboard").click()
            expect(alice.get_by_role("button", name="Take the keyboard")).to_be_visible()
            bob.keyboard.type("nobody\n")
            expect(terminal(alice)).to_contain_text("login: nobody")

            running.bmcs["bios"].process.kill()
            bob.keyboard.type("x")
            expect(alice.get_by_role("dialog")).to_contain_text("not there any more")
            alice.screenshot(path=tmp_path / "ended.png")
            alice.reload()
            expect(alice.get_by_role("dialog")).to_contain_text("used before")


def console(running: Lab) -> str:
    """A new address of the machine's console."""
    with Api(Login.from_file(running.folder.client_ini)) as api:
        found = api.post(api_path("machines", "bios", "console"))
    return str(found["url"])


def terminal(page: Page) -> Locator:
    """What the terminal shows."""
    return page.locator(".xterm-rows")
