"""A person in a browser at a machine's serial console: real firmware in QEMU, ipmi_sim's Serial over LAN, Chromium."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from bmprov.cli.api import Api
from bmprov.cli.api import path as api_path
from bmprov.cli.login import Login
from bmprov.power import PowerAction
from tests.browser import page
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
        certificate = running.settings.api.certificate
        with page(certificate) as browser:
            browser.goto(console(running))
            expect(browser.locator("#state")).to_contain_text("you have the keyboard")
            expect(browser.locator("#machine")).to_have_text("bios")
            running.switch("bios", PowerAction.ON)
            expect(terminal(browser)).to_contain_text("SeaBIOS", timeout=BOOT_MS)
            expect(terminal(browser)).to_contain_text("login:", timeout=BOOT_MS)
            browser.keyboard.type("root\n")
            expect(terminal(browser)).to_contain_text("login: root")
            expect(terminal(browser)).to_contain_text("Password:")
            browser.keyboard.type("guess\n")
            expect(terminal(browser)).to_contain_text("Login incorrect", timeout=15_000)
            browser.screenshot(path=tmp_path / "console.png")
            with page(certificate, viewport=NARROW) as other:
                other.goto(console(running))
                expect(other.locator("#state")).to_contain_text("admin has the keyboard")
                expect(terminal(other)).to_contain_text("Login incorrect")
                expect(browser.locator("#state")).to_contain_text("1 other watches")
                other.keyboard.type("x")
                expect(other.locator("#notice")).to_contain_text("somebody else has the keyboard")
                other.get_by_role("button", name="Take the keyboard").click()
                expect(browser.locator("#state")).to_contain_text("has the keyboard")
                expect(browser.get_by_role("button", name="Take the keyboard")).to_be_visible()
                other.keyboard.type("nobody\n")
                expect(terminal(browser)).to_contain_text("login: nobody")
                other.screenshot(path=tmp_path / "watching.png")
            running.bmcs["bios"].process.kill()
            browser.get_by_role("button", name="Take the keyboard").click()
            browser.keyboard.type("x")
            expect(browser.get_by_role("dialog")).to_contain_text("not there any more")
            browser.screenshot(path=tmp_path / "ended.png")
            browser.reload()
            expect(browser.get_by_role("dialog")).to_contain_text("showed no ticket")


def console(running: Lab) -> str:
    """A new address of the machine's console."""
    with Api(Login.from_file(running.folder.client_ini)) as api:
        found = api.post(api_path("machines", "bios", "console"))
    return str(found["url"])


def terminal(browser: Page) -> Locator:
    """What the terminal shows."""
    return browser.locator(".xterm-rows")
