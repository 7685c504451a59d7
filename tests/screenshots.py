"""Pictures of every page for the documents: `python -m tests.screenshots [NAME…]` writes docs/screenshots/*.png.

Each page light, dark, and on a phone. The hall in them is `tests/scene`, on a real service, in Debian's Chromium.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from bmprov.web.people import cookies
from tests.browser import browser
from tests.docs import ROOT
from tests.palette import reduced
from tests.scene import DEPLOYING, FAILED, go_on
from tests.scene.served import Served, served

FOLDER = ROOT / "docs" / "screenshots"
LOOKS: Mapping[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "has_touch": True, "is_mobile": True},
}


@dataclass(frozen=True)
class Shot:
    """A picture of a page: where it is, whether it is of a service with nothing in it, and whether a stranger looks."""

    path: Callable[[Served], str]
    empty: bool = False
    stranger: bool = False


def _at(path: str, *, empty: bool = False) -> Shot:
    return Shot(lambda _: path, empty)


def _operation(machine: str) -> Shot:
    return Shot(lambda service: f"/operations/{_last_operation(service, machine)}")


SHOTS: Mapping[str, Shot] = {
    "hall": _at("/"),
    "now": _at("/now"),
    "machine": _at(f"/machines/{DEPLOYING}"),
    "machine-failed": _at(f"/machines/{FAILED}"),
    "question": _at(f"/machines/{FAILED}/orders/release"),
    "operation": _operation(DEPLOYING),
    "operation-failed": _operation(FAILED),
    "events": _at("/events"),
    "images": _at("/images"),
    "health": _at("/health"),
    "tokens": _at("/tokens"),
    "webhooks": _at("/webhooks"),
    "people": _at("/people"),
    "me": _at("/me"),
    "error": _at("/machines/a1-9"),
    "sign-in": Shot(lambda _: "/sign-in", stranger=True),
    "empty-hall": _at("/", empty=True),
    "empty-images": _at("/images", empty=True),
    "empty-events": _at("/events?kind=power", empty=True),
}


def shoot(names: list[str]) -> None:
    """Take the pictures of these names, or all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for empty in (False, True):
        wanted = {name: shot for name, shot in SHOTS.items() if shot.empty is empty and (not names or name in names)}
        if wanted:
            with served(*([lambda _: None] if empty else [])) as service:
                _each(service, wanted)


def _each(service: Served, wanted: Mapping[str, Shot]) -> None:
    cookie = {"name": cookies.SESSION, "value": service.session, "url": service.url, "secure": True}
    with browser(service.certificate, missing=True) as opened:
        for look, context in LOOKS.items():
            page: Page = opened(**context, locale="en-GB", timezone_id="Europe/Berlin")
            for name, shot in wanted.items():
                page.context.clear_cookies()
                page.context.add_cookies([] if shot.stranger else [cookie])
                if not shot.empty:
                    go_on(service.scene)
                page.goto(f"{service.url}{shot.path(service)}", wait_until="load")
                page.wait_for_timeout(400)  # what is drawn by scripts, and the fonts
                (FOLDER / f"{name}-{look}.png").write_bytes(reduced(page.screenshot(animations="disabled")))
                _tell(FOLDER / f"{name}-{look}.png", page)
            page.close()


def _tell(file: Path, page: Page) -> None:
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    print(f"{file.name}: {file.stat().st_size // 1024} KiB{f', {wider} px too wide' if wider > 0 else ''}", flush=True)


def _last_operation(service: Served, machine: str) -> str:
    with service.scene.store.read() as transaction:
        found = transaction.machines.named(machine)
        assert found is not None
        return transaction.operations.all(limit=1, machine_id=found.id)[0].id


if __name__ == "__main__":
    shoot(sys.argv[1:])
