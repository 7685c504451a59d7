"""The image catalogue over the API."""

import hashlib
import struct
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
import zstandard
from werkzeug.test import TestResponse

from bmprov.errors import Fatal
from bmprov.serve import digest
from bmprov.services import Services
from images.blobs import Blob
from images.layout import Layout
from tests.bmprov.api.caller import Api
from tests.images import disks
from tests.trees import tree_sha512

URL = "/api/v1/images"
BYTES = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(BYTES).hexdigest()


def put(admin: Api, name: str = "debian-12", *, data: bytes = BYTES, **query: str) -> TestResponse:
    return admin.put(f"{URL}/{name}", data=data, query_string={"format": "raw"} | query)


def test_an_image_is_added_and_shown(admin: Api, viewer: Api, services: Services) -> None:
    """What is stored is what was sent; by name, by id and in the list."""
    answer = put(admin, sha256=SHA256.upper(), arch="aarch64")
    assert answer.status_code == HTTPStatus.OK, answer.text
    told = answer.get_json()
    assert (told["sha256"], told["size_bytes"], told["arch"]) == (SHA256, len(BYTES), "aarch64")
    assert viewer.get(f"{URL}/debian-12").get_json() == viewer.get(f"{URL}/{told['id']}").get_json() == told
    assert viewer.get(URL).get_json()["images"] == [told]
    assert services.images.has(SHA256)


def test_bytes_that_arrive_changed_are_refused(admin: Api) -> None:
    """422, and nothing is kept."""
    assert put(admin, sha256="0" * 64).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert admin.get(URL).get_json()["images"] == []


def test_the_same_image_again_is_the_same(admin: Api) -> None:
    """A retry of an upload succeeds, with and without the checksum."""
    first = put(admin).get_json()
    assert put(admin).get_json() == put(admin, sha256=SHA256).get_json() == first


def test_a_name_is_never_given_to_other_bytes(admin: Api) -> None:
    """409: an instance that was deployed with it would not be what its image is."""
    put(admin)
    assert put(admin, data=b"other" * 1000).status_code == HTTPStatus.CONFLICT
    assert put(admin, data=b"other" * 1000, sha256="0" * 64).status_code == HTTPStatus.CONFLICT
    assert admin.get(f"{URL}/debian-12").get_json()["sha256"] == SHA256


def test_bytes_go_with_the_last_name(admin: Api, services: Services) -> None:
    """Two names for the same bytes: the file stays until neither is left."""
    put(admin, "a")
    put(admin, "b")
    assert admin.delete(f"{URL}/a").status_code == HTTPStatus.NO_CONTENT
    assert services.images.has(SHA256)
    assert admin.delete(f"{URL}/b").status_code == HTTPStatus.NO_CONTENT
    assert not services.images.has(SHA256)
    assert admin.delete(f"{URL}/b").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.usefixtures("machine")
def test_an_image_in_use_stays(admin: Api, cloud: Api, image: str, payload: Callable[..., dict[str, Any]]) -> None:
    """409 while an instance has it."""
    cloud.post("/api/v1/cloudstack/prepare", json=payload())
    assert admin.delete(f"{URL}/{image}").status_code == HTTPStatus.CONFLICT
    assert admin.get(f"{URL}/{image}").status_code == HTTPStatus.OK


def test_adding_and_removing_are_events(admin: Api) -> None:
    """With the name and the checksum."""
    put(admin)
    admin.delete(f"{URL}/debian-12")
    removed, added = admin.get("/api/v1/events").get_json()["events"]
    assert (added["what"], removed["what"]) == ("image added", "image removed")
    assert (added["actor"], added["detail"]) == ("the-admin", f"debian-12, sha256 {SHA256}")


def test_an_upload_may_be_larger_than_any_json(admin: Api) -> None:
    """The limit of a JSON body is not an image's."""
    assert put(admin, data=b"\0" * (9 * 2**20)).status_code == HTTPStatus.OK


@pytest.mark.parametrize("query", ["format=qcow2", "sha256=xyz", "arch=vax", "colour=red"])
def test_a_wrong_query_is_refused_before_the_upload(admin: Api, query: str) -> None:
    """422."""
    assert admin.put(f"{URL}/a?{query}", data=BYTES).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_an_image_that_is_not_there(viewer: Api) -> None:
    """404."""
    assert viewer.get(f"{URL}/nope").status_code == HTTPStatus.NOT_FOUND


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A disk that boots both ways."""
    files = {"EFI/BOOT/BOOTX64.EFI": disks.loaders().x86_64}
    path = tmp_path_factory.mktemp("disk") / "disk.raw"
    return disks.disk(path, disks.GPT, files, boot_code=disks.BOOT_CODE).read_bytes()


@pytest.mark.parametrize("packed", [False, True], ids=["raw", "zst"])
def test_an_image_tells_what_it_boots_on(admin: Api, services: Services, disk: bytes, *, packed: bool) -> None:
    """Its partition table, its boot modes, its architecture and the disk that it needs; no other file is left."""
    content = zstandard.compress(disk) if packed else disk
    told = put(admin, data=content, format="raw.zst" if packed else "raw").get_json()
    assert (told["layout"], told["boot_modes"], told["arch"]) == ("gpt", ["bios", "uefi"], "x86_64")
    assert (told["min_disk_bytes"], told["remarks"]) == (len(disk) + 18 * disks.MIB, [])
    assert [path.name for path in services.images.path("0" * 64).parent.iterdir()] == [told["sha256"]]


def test_an_image_with_an_unknown_layout_is_taken(admin: Api) -> None:
    """And says so."""
    told = put(admin).get_json()
    assert (told["layout"], told["boot_modes"], told["arch"], told["min_disk_bytes"]) == ("", None, None, len(BYTES))
    assert told["remarks"] == ["its layout is unknown: there is no partition table"]


def test_the_word_of_whoever_adds_it_wins(admin: Api, disk: bytes) -> None:
    """With a remark, when the loader says something else."""
    told = put(admin, data=disk, arch="aarch64").get_json()
    assert told["arch"] == "aarch64"
    assert told["remarks"] == ["it was added as aarch64, and its loader is for x86_64"]


def stored(services: Services) -> list[str]:
    """The names of all files in the store."""
    root = services.images.path("0" * 64).parent
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


PACKED = zstandard.compress(BYTES)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the image is empty"),
        (PACKED[:-10], "ends in its middle"),
        (PACKED[:4] + b"\xff" * 100, "does not unpack"),
        (zstandard.compress(b"\0" * 2**25), "unpacks to more than 16777216 bytes"),
        (zstandard.compress(b"QFI\xfb" + BYTES), "this is a qcow2 file and not a raw disk image: convert it first"),
        (b"KDMV" + BYTES, "this is a vmdk file"),
        (b"# Disk DescriptorFile\nRW 1 FLAT /etc/shadow", "this is a vmdk file"),
        (b"vhdxfile" + BYTES, "this is a vhdx file"),
        (b"conectix" + BYTES, "this is a vhd file"),
        (b"\x1f\x8b" + BYTES, "this is a gzip file and not a raw disk image: unpack it first"),
    ],
)
def test_a_hostile_or_broken_image_is_refused(
    admin: Api, services: Services, monkeypatch: pytest.MonkeyPatch, data: bytes, says: str
) -> None:
    """422 with a sentence; nothing is entered and nothing is left in the store."""
    monkeypatch.setattr(services.images, "_max_raw_bytes", 2**24)
    answer = admin.put(f"{URL}/hostile", data=data)
    told = answer.get_json()
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, answer.text
    assert says in f"{told['detail']}: {told.get('check')}"
    assert admin.get(URL).get_json()["images"] == []
    assert stored(services) == []


def test_an_operator_adds_no_image(operator: Api, services: Services) -> None:
    """403, whatever it is: what a machine runs is for administrators to say."""
    assert put(operator).status_code == HTTPStatus.FORBIDDEN
    assert stored(services) == []


def test_a_layout_that_leads_in_circles(admin: Api) -> None:
    """Is unknown, and no more."""
    link = bytes(446) + bytes([0, 0, 0, 0, 5, 0, 0, 0]) + struct.pack("<II", 1, 9) + bytes(48) + b"\x55\xaa"
    circle = bytes(462) + bytes([0, 0, 0, 0, 5, 0, 0, 0]) + struct.pack("<II", 0, 9) + bytes(32) + b"\x55\xaa"
    told = put(admin, data=link + circle + bytes(10_000)).get_json()
    assert told["boot_modes"] is None
    assert "more than 128 links" in told["remarks"][0]


def test_bytes_that_are_not_entered_do_not_stay(
    admin: Api, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is taken while they come: 409, and only the other's are kept."""
    add = services.images.add

    def late(*arguments: object, **more: object) -> Blob:
        blob = add(*arguments, **more)  # type: ignore[arg-type]
        monkeypatch.setattr(services.images, "add", add)
        assert put(admin, data=b"other" * 1000).status_code == HTTPStatus.OK
        return blob

    monkeypatch.setattr(services.images, "add", late)
    assert put(admin).status_code == HTTPStatus.CONFLICT
    assert stored(services) == [hashlib.sha256(b"other" * 1000).hexdigest()]


def test_bytes_that_cannot_be_looked_into_do_not_stay(
    admin: Api, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full; another image of the same bytes keeps them."""

    def fails(_blob: Blob) -> Layout:
        raise Fatal("the image cannot be looked into", "look at the disk's free space")

    monkeypatch.setattr(services.images, "layout", fails)
    assert put(admin).status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    assert stored(services) == []
    monkeypatch.undo()
    assert put(admin, "kept").status_code == HTTPStatus.OK
    monkeypatch.setattr(services.images, "layout", fails)
    assert put(admin, "again").status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    assert stored(services) == [SHA256]


def test_a_virtual_machines_disk_is_refused(admin: Api) -> None:
    """The service opens none: it says how to convert it."""
    answer = put(admin, data=b"QFI\xfb\x00\x00\x00\x03")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "qemu-img convert -O raw, as `bmprov image add` does" in answer.text


def test_images_of_before_get_their_digest(admin: Api, services: Services) -> None:
    """When the API starts; what cannot be read stays as it is, and is no reason not to start."""
    packed = zstandard.ZstdCompressor().compress(BYTES * 4)
    put(admin)
    put(admin, "packed", data=packed, format="raw.zst")
    put(admin, "lost", data=BYTES * 2)
    with services.store.write() as transaction:
        for image in transaction.images.all():
            transaction.images.set_digest(image, "")
    services.images.remove(hashlib.sha256(BYTES * 2).hexdigest())
    digest(services)
    told = {image["name"]: image["raw_tree_sha512"] for image in admin.get(URL).get_json()["images"]}
    assert told == {"debian-12": tree_sha512(BYTES), "packed": tree_sha512(BYTES * 4), "lost": ""}
