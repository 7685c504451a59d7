"""The ramdisk's CD as a BMC fetches it: whose it is, in what pieces, and what there is instead when there is none."""

import random
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from bmprov.media import FILE
from bmprov.model import Operation
from bmprov.sim.cd import stand_in
from images import iso9660
from images.ramdisk import medium
from pxe.http import create_boot_app
from tests.pxe.provisioning import Site

BMC = "10.2.0.7"
KERNEL = b"kernel and initramfs " * 100_000
FIRST = "127.66.0.10"  # of the range


class Bmc:
    """The BMC of a machine whose deployment is under way, on a network of its own."""

    def __init__(self, site: Site) -> None:
        self.site, self.operation = site, site.deploy()
        self.cd = site.settings.images / "ramdisk" / medium.NAME
        self.cd.write_bytes(stand_in() + KERNEL)
        self.token = site.vault.operation_token(self.operation.id)
        self.url = f"/media/v1/{self.token}/{FILE}"
        self.client = create_boot_app(site.boot()).test_client()
        self.client.environ_base["REMOTE_ADDR"] = BMC

    def get(self, **headers: str) -> Any:  # noqa: ANN401 - werkzeug's test response
        return self.client.get(self.url, headers=headers)

    def now(self) -> Operation:
        return self.site.operation(self.operation)

    def arguments(self) -> dict[str, str]:
        content, template = self.get().data, stand_in()
        folder = iso9660.root_folder(template[iso9660.DESCRIPTOR.offset :][:2048])
        place = iso9660.file_in(template[folder.offset :][: folder.size_bytes], medium.ARGUMENTS)
        told = medium.arguments_in(content[place.offset : place.offset + place.size_bytes])
        return dict(word.split("=", 1) for word in told.split())


@pytest.fixture
def bmc(site: Site) -> Bmc:
    return Bmc(site)


def test_the_cd_tells_the_machine_who_it_is(bmc: Bmc) -> None:
    """Where to call, the token, the NIC and its address, which the token is good from, however often it is read."""
    told = bmc.arguments()
    assert told == {
        "bmprov.api": "http://127.0.0.1:8080/ramdisk/v1",
        "bmprov.token": bmc.token,
        "BOOTIF": "01-52-54-00-00-01-00",
        "bmprov.net": f"{FIRST}/255.0.0.0/",
    }
    assert (bmc.now().boot_ip, bmc.arguments()) == (FIRST, told)
    bearer = {"Authorization": f"Bearer {bmc.token}"}
    for address, status in ((FIRST, 200), (BMC, 403)):
        bmc.client.environ_base["REMOTE_ADDR"] = address
        assert bmc.client.get("/ramdisk/v1/deployment", headers=bearer).status_code == status
    another = bmc.site.deploy(2)
    bmc.client.get(f"/media/v1/{bmc.site.vault.operation_token(another.id)}/{FILE}")
    assert bmc.site.operation(another).boot_ip == "127.66.0.11"


def test_pieces_are_those_of_the_whole(bmc: Bmc) -> None:
    """Wherever a range begins and ends, in the arguments too; HEAD tells the length and that there are ranges."""
    whole = bmc.get().data
    assert len(whole) == len(stand_in() + KERNEL)
    edges = [0, 2047, 18 * 2048, 19 * 2048 - 1, 19 * 2048, 19 * 2048 + 5, 20 * 2048, 20 * 2048 + 1, len(whole) - 1]
    chance = random.Random(7)
    for first in (*edges, *(chance.randrange(len(whole)) for _ in range(20))):
        last = min(len(whole) - 1, first + chance.choice([0, 1, 511, 2047, 4096, 300_000]))
        answer = bmc.get(Range=f"bytes={first}-{last}")
        assert (answer.status_code, answer.data) == (206, whole[first : last + 1])
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(whole)}"
    assert bmc.get(Range=f"bytes={len(whole)}-").status_code == 416
    head = bmc.client.head(bmc.url)
    assert (head.status_code, head.content_length, head.headers["Accept-Ranges"]) == (200, len(whole), "bytes")


def test_machines_that_boot_are_not_kept_waiting(bmc: Bmc) -> None:
    """Whole CDs wait for a slot as other large files do; short ranges, which a booting machine reads, never do."""
    under_way = [bmc.client.get(bmc.url, buffered=False) for _ in range(3)]
    assert (bmc.get().status_code, bmc.get(Range="bytes=0-").status_code) == (503, 503)
    assert bmc.get(Range="bytes=32768-34815").status_code == 206
    assert bmc.client.head(bmc.url).status_code == 200
    under_way[0].close()
    assert bmc.get().status_code == 200


def test_a_cd_dies_with_its_operation(bmc: Bmc) -> None:
    """And when the image is on the disk; a token that is not ours opens nothing. No log has a token."""
    with capture_logs() as logs:
        assert bmc.get().status_code == 200
        assert bmc.client.get(f"/media/v1/{bmc.token[:-1]}x/{FILE}").status_code == 403
        assert bmc.client.get(f"/media/v1/{bmc.token}/another.iso").status_code == 404
        bmc.site.close_netboot(bmc.operation)
        assert bmc.get().status_code == 410
        bmc.site.cancel(bmc.operation)
        assert bmc.get().status_code == 410
    assert bmc.token not in str(logs)


@pytest.mark.parametrize("content", [None, b"", b"no ISO 9660" * 10_000])
def test_a_cd_that_is_not_built_fails_the_deployment(bmc: Bmc, content: bytes | None) -> None:
    """With the command that makes it: the BMC itself could only say that it cannot fetch something."""
    bmc.cd.unlink() if content is None else bmc.cd.write_bytes(content)
    assert bmc.get().status_code == 410
    assert bmc.now().report.failure.endswith("make it with `bmprov image build-ramdisk`")


def test_a_ramdisk_that_runs_needs_its_cd_no_more(bmc: Bmc) -> None:
    """It is all in memory: a CD that is gone then is no failure."""
    bmc.get()
    with bmc.site.store.write() as transaction:
        transaction.operations.signal(bmc.operation.id, lambda report: replace(report, booted=True))
    bmc.cd.unlink()
    assert bmc.get().status_code == 410
    assert bmc.now().report.failure == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": "proxy"}, "bmprov gives out"),
        ({"range_last": "127.66.0.9"}, "no address is left"),
        ({"address": "[fd00::1]"}, "do not fit onto the ramdisk's CD"),
    ],
)
def test_a_machine_that_cannot_be_told_who_it_is(site: Site, change: dict[str, Any], words: str) -> None:
    """Its deployment ends at once and says why."""
    range_last = type(site.settings.pxe.range_last)(change.pop("range_last", "127.66.0.20"))
    site.settings = replace(site.settings, pxe=replace(site.settings.pxe, range_last=range_last, **change))
    bmc = Bmc(site)
    assert bmc.get().status_code == 410
    assert words in bmc.now().report.failure
