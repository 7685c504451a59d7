"""The Images page: the catalogue, who uses what, and taking something out of it."""

import io
from collections.abc import Callable

import pytest

from bmprov.model import BootMode, Image, Instance, Machine
from bmprov.services import Services
from tests.bmprov.web.signing_in import Tab, words

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def image(services: Services) -> Image:
    blob = services.images.add(io.BufferedReader(io.BytesIO(b"a disk" * 1000)), format="raw")  # type: ignore[arg-type] # has what a reader needs
    made = Image(
        "11111111-0000-4000-8000-000000000001", "debian-12", "raw", blob.sha256, blob.size_bytes, blob.raw_tree_sha512,
        blob.raw_size_bytes, boot_modes=(BootMode.UEFI,), min_disk_bytes=20 * 2**20, remarks=(f"odd {EVIL}",),
    )  # fmt: skip
    with services.store.write() as transaction:
        transaction.images.add(made)
    return made


@pytest.fixture
def used(services: Services, image: Image, add_machine: Callable[..., Machine]) -> str:
    machine = add_machine(1)
    with services.store.write() as transaction:
        transaction.instances.add(Instance("i-1", f"web {EVIL}", "c1", "h", machine.id, b"sealed", image.id))
    return machine.name


def test_an_image_with_what_is_known_of_it(viewer: Tab, image: Image) -> None:
    answer = viewer.get("/images")
    shown = words(answer)
    assert "any architecture, UEFI" in shown
    assert "20.0 MiB" in shown
    assert "nobody" in shown
    assert f'data-copy="{image.sha256}"' in answer.text
    assert "<img" not in answer.text


def test_who_uses_it_is_named(viewer: Tab, used: str) -> None:
    answer = viewer.get("/images")
    assert "1 instance" in answer.text
    assert f'href="/machines/{used}"' in answer.text
    assert "<img" not in answer.text


def test_an_empty_catalogue_says_what_to_type(viewer: Tab) -> None:
    assert "bmprov image add debian-12" in viewer.get("/images").text


def test_removing_asks_first_then_removes_bytes_too(admin: Tab, services: Services, image: Image) -> None:
    asked = admin.get(f"/images/{image.id}/remove")
    assert "Remove image debian-12?" in asked.text
    assert services.images.has(image.sha256)
    done = admin.post_form(f"/images/{image.id}/remove")
    assert done.status_code == 303
    assert "is removed" in admin.get("/images").text
    assert not services.images.has(image.sha256)


@pytest.mark.usefixtures("used")
def test_what_is_used_stays_and_it_is_said_why(admin: Tab, image: Image, services: Services) -> None:
    assert "It cannot be removed" in admin.get(f"/images/{image.id}/remove").text
    admin.post_form(f"/images/{image.id}/remove")
    assert "Nothing was removed" in admin.get("/images").text
    assert services.images.has(image.sha256)


def test_only_admins_remove(viewer: Tab, operator: Tab, image: Image, services: Services) -> None:
    for tab in (viewer, operator):
        assert tab.get(f"/images/{image.id}/remove").status_code == 403
        assert tab.post_form(f"/images/{image.id}/remove").status_code == 403
    assert services.images.has(image.sha256)
    with services.store.read() as transaction:
        assert transaction.events.newest(1)[0].what == "refused"


def test_an_image_that_is_not_there_offers_one_of_a_like_name(admin: Tab, image: Image) -> None:
    assert image.name in admin.get("/images/debian-13/remove").text
