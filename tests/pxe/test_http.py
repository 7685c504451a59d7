"""What a booting machine fetches and tells (docs/ramdisk-api.md)."""

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
import zstandard
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from structlog.testing import capture_logs

from bmprov.cabling import Neighbour
from bmprov.model import Operation
from bmprov.queue import JobQueue
from bmprov.store import schema
from pxe.http import create_boot_app
from pxe.script import render
from tests.pxe.provisioning import RAW, SSH_KEY, Site
from tests.trees import tree_sha512

ADDRESS = "10.1.0.50"
BASE = "http://10.1.0.1:8080"
INVENTORY: dict[str, Any] = {
    "cpus": 8,
    "memory_mib": 16384,
    "disks": [{"name": "sda", "size_bytes": 10**12, "model": "X", "serial": "1"}],
    "nics": [
        {
            "mac": "52:54:00:00:01:00",
            "name": "eth0",
            "link": True,
            "lldp": {"system": "leaf-1", "chassis": "aa", "port": "513", "description": "xe-0/0/7"},
        }
    ],
    "bmc": {"address": "10.2.0.7"},
    "of_a_newer_ramdisk": 1,
}


class Machine:
    """A machine in its ramdisk, deployed by `operation`."""

    def __init__(self, site: Site, app: Flask) -> None:
        self.site = site
        self.operation = site.deploy()
        self.token = site.booted_at(self.operation, ADDRESS)
        self.client = app.test_client()
        self.client.environ_base["REMOTE_ADDR"] = ADDRESS
        self.bearer = {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **headers: str) -> Any:  # noqa: ANN401 - werkzeug's test response
        return self.client.get(path.replace("TOKEN", self.token), headers=headers)

    def tell(self, name: str, told: object) -> int:
        return self.client.post(f"/ramdisk/v1/{name}", json=told, headers=self.bearer).status_code

    def now(self) -> Operation:
        return self.site.operation(self.operation)


@pytest.fixture
def machine(site: Site) -> Machine:
    return Machine(site, create_boot_app(site.boot()))


def nudges(queue: JobQueue) -> list[str]:
    """Ids of the operations that a job waits for."""
    return sorted(queue.waiting(["default"]))


def test_script_and_ramdisk_are_served(machine: Machine) -> None:
    """The script is the machine's own; kernel and initramfs come from the images' folder, and are told in the log."""
    with capture_logs() as logs:
        answer = machine.get("/boot/v1/TOKEN/script.ipxe")
    assert answer.text == render("rack1-01", machine.operation.id, BASE, machine.token)
    assert logs == [
        {
            "event": "iPXE script",
            "log_level": "info",
            "machine": "rack1-01",
            "operation": machine.operation.id,
            "boot": 1,
        }
    ]
    assert machine.get("/boot/v1/TOKEN/kernel").data == b"kernel"
    assert machine.get("/boot/v1/TOKEN/initrd").data == b"initrd"
    assert machine.get("/loaders/snponly.efi").mimetype == "application/efi"


def test_a_ramdisk_of_another_architecture_ends_the_operation(machine: Machine) -> None:
    """DHCP has seen that the machine is arm64: its iPXE would fetch an x86_64 kernel over and over."""
    kernel = machine.site.settings.images / "ramdisk" / "vmlinuz"
    for number, status in ((0xAA64, 200), (0x8664, 409)):
        kernel.write_bytes(b"MZ".ljust(60, b"\0") + bytes([64, 0, 0, 0]) + b"PE\0\0" + number.to_bytes(2, "little"))
        assert machine.get("/boot/v1/TOKEN/script.ipxe").status_code == 200
        assert machine.get("/boot/v1/TOKEN/script.ipxe?arch=aarch64").status_code == status
    report = machine.site.operation(machine.operation).report
    assert report.failure == "the ramdisk is for x86_64, and the machine is aarch64"
    assert nudges(machine.site.queue) == [machine.operation.id]


def test_the_deployment_tells_what_to_do(machine: Machine) -> None:
    """Image, hashes, sizes and the place of the seed, whose URLs are served."""
    told = machine.client.get("/ramdisk/v1/deployment", headers=machine.bearer).get_json()
    image = machine.site.image
    assert told == {
        "version": 1,
        "machine": "rack1-01",
        "operation": machine.operation.id,
        "image": {
            "url": f"{BASE}/images/v1/{machine.token}/{image.sha256}",
            "format": "raw.zst",
            "sha256": image.sha256,
            "size_bytes": image.size_bytes,
            "raw_tree_sha512": tree_sha512(RAW),
            "raw_size_bytes": len(RAW),
        },
        "seed_url": f"{BASE}/seed/v1/{machine.token}/",
        "disk": {"min_size_bytes": len(RAW)},
    }
    fetched = machine.get(told["image"]["url"].removeprefix(BASE)).data
    assert zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(fetched) == RAW


@pytest.mark.parametrize(
    ("asked", "status", "first", "length"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=100-", 206, 100, None),
        ("bytes=-5", 206, -5, 5),
        ("bytes=99999999-", 416, 0, 0),
        ("bytes=9-1", 416, 0, 0),
    ],
)
def test_an_image_is_served_in_ranges(machine: Machine, asked: str, status: int, first: int, length: int) -> None:
    """A fetch that broke off goes on where it stopped; a range beyond the end is refused; the slots are given back."""
    content = machine.site.images.path(machine.site.image.sha256).read_bytes()
    path = f"/images/v1/TOKEN/{machine.site.image.sha256}"
    for _ in range(5):
        answer = machine.get(path, Range=asked)
        assert answer.status_code == status
        if status == 206:
            assert answer.data == content[first:][:length]


def test_an_image_that_a_machine_has_is_not_sent_again(machine: Machine) -> None:
    """Its ETag is its hash; HEAD tells its length."""
    path = f"/images/v1/TOKEN/{machine.site.image.sha256}"
    for _ in range(5):
        assert machine.get(path, **{"If-None-Match": f'"{machine.site.image.sha256}"'}).status_code == 304
        head = machine.client.head(path.replace("TOKEN", machine.token))
        assert (head.status_code, head.content_length) == (200, machine.site.image.size_bytes)


def test_so_many_transfers_and_no_more(machine: Machine) -> None:
    """With four threads three machines may fetch at once; the next is told to ask again, and calls are still heard."""
    path = f"/images/v1/{machine.token}/{machine.site.image.sha256}"
    under_way = [machine.client.get(path, buffered=False) for _ in range(3)]
    assert [answer.status_code for answer in under_way] == [200] * 3
    refused = machine.client.get(path)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert machine.tell("progress", {"done_bytes": 1, "total_bytes": 2}) == 204
    under_way[0].close()
    assert machine.client.get(path).status_code == 200


def test_the_seed_is_the_instance_s(machine: Machine) -> None:
    """NoCloud's documents carry host name, keys, and the real MAC of the NIC."""
    told = {name: machine.get(f"/seed/v1/TOKEN/{name}").text for name in ("meta-data", "user-data", "network-config")}
    assert yaml.safe_load(told["meta-data"])["public-keys"] == [SSH_KEY]
    assert yaml.safe_load(told["meta-data"])["local-hostname"] == "instance-1"
    network = yaml.safe_load(told["network-config"])["ethernets"]["nic0"]
    assert network["match"]["macaddress"] == "52:54:00:00:01:00"
    assert network["macaddress"] == "02:00:00:00:00:01"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/boot/v1/TOKEN/",
        "/boot/v1/TOKEN/vmlinuz",
        "/boot/v1/TOKEN/../../secret.key",
        "/boot/v1/TOKEN/%2e%2e%2fsecret.key",
        "/loaders/",
        "/loaders/../secret.key",
        "/loaders/..%2fsecret.key",
        "/loaders/undionly.kpxe%00",
        "/images/v1/TOKEN/" + "0" * 64,
        "/images/v1/TOKEN/..%2f..%2fsecret.key",
        "/images/v1/TOKEN/",
        "/seed/v1/TOKEN/password",
        "/seed/v1/TOKEN/",
        "/static/x",
        "/ramdisk/v2/deployment",
    ],
)
def test_there_is_nothing_else(machine: Machine, path: str) -> None:
    """No directory is exposed, so there is no way out of one."""
    answer = machine.get(path)
    assert answer.status_code == 404
    assert answer.get_json() == {"type": "about:blank", "status": 404, "title": "Not Found"}


def test_a_ramdisk_that_is_not_built_is_told_in_the_log(machine: Machine) -> None:
    """The machine learns 404; the operator which file is missing."""
    kernel = machine.site.settings.images / "ramdisk" / "vmlinuz"
    kernel.unlink()
    with capture_logs() as logs:
        assert machine.get("/boot/v1/TOKEN/kernel").status_code == 404
    assert logs[0]["why"] == f"{kernel} cannot be read (No such file or directory)"


def test_a_fault_of_ours_keeps_the_token_out_of_the_log(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Flask logs the path of what it does not understand, and the token stands in it."""

    def broken(*_: object) -> None:
        raise RuntimeError("an unforeseen fault")

    monkeypatch.setattr("pxe.http.render", broken)
    with capture_logs() as logs:
        answer = machine.get("/boot/v1/TOKEN/script.ipxe")
    assert answer.status_code == 500
    assert logs[-1]["event"] == "boot request met a fault in bmprov"
    assert logs[-1]["route"] == "/boot/v1/<token>/script.ipxe"
    assert machine.token not in f"{logs}{caplog.text}{answer.text}"


def test_the_inventory_says_that_the_ramdisk_runs(machine: Machine) -> None:
    """It is kept with the operation, without what is not known here, and a worker is told once it is committed."""
    assert machine.tell("inventory", INVENTORY) == 204
    report = machine.now().report
    assert report.booted
    assert report.inventory["nics"][0]["lldp"]["port"] == "513"
    assert "of_a_newer_ramdisk" not in report.inventory
    assert nudges(machine.site.queue) == [machine.operation.id]


def neighbours(site: Site) -> list[Neighbour]:
    """What is kept of LLDP."""
    with site.store.read() as transaction:
        rows = transaction.connection.execute(select(schema.neighbours)).mappings()
        return [Neighbour(**row) for row in rows]


def test_what_switches_say_is_kept_as_evidence_of_the_cabling(machine: Machine) -> None:
    """With its time, for the NICs of the operation's own machine: of another's a ramdisk has nothing to say."""
    other = machine.site.enrol(2)
    nics = INVENTORY["nics"] + [
        {"mac": other.nics[0].mac, "lldp": {"system": "evil-1", "port": "Ethernet1"}},
        {"mac": "52:54:00:00:99:99", "lldp": {"system": "leaf-1", "port": "Ethernet9"}},
        {"mac": "52:54:00:00:01:01", "lldp": {}},
    ]
    assert machine.tell("inventory", INVENTORY | {"nics": nics}) == 204
    first = Neighbour("52:54:00:00:01:00", "leaf-1", "aa", "513", "xe-0/0/7", machine.site.clock.now)
    assert neighbours(machine.site) == [first]
    machine.site.clock.now += 60
    assert machine.tell("inventory", INVENTORY) == 204
    assert neighbours(machine.site) == [replace(first, seen_at=machine.site.clock.now)]


def test_the_same_call_again_changes_nothing(machine: Machine) -> None:
    """A call that was answered and is made again is answered alike, and does not count as another signal."""
    for name, told in (("inventory", INVENTORY), ("done", {"raw_tree_sha512": machine.site.image.raw_tree_sha512})):
        assert machine.tell(name, told) == 204
        before = machine.now()
        assert machine.tell(name, told) == 204
        assert machine.now() == before


def test_done_is_believed_when_the_hash_is_the_image_s(machine: Machine) -> None:
    """What was written is what the catalogue has."""
    assert machine.tell("done", {"raw_tree_sha512": machine.site.image.raw_tree_sha512}) == 204
    assert machine.now().report.written


def test_done_with_another_hash_is_a_failure(machine: Machine) -> None:
    """A disk that holds something else is never called deployed, not even by a second call."""
    assert machine.tell("done", {"raw_tree_sha512": "0" * 128}) == 204
    assert machine.tell("done", {"raw_tree_sha512": machine.site.image.raw_tree_sha512}) == 204
    report = machine.now().report
    assert not report.written
    assert report.failure == "what was written has the digest 0000000000000000… and not the image's"


def test_the_deployment_tells_which_disk_was_asked_for(site: Site) -> None:
    """The instance's detail narrows the ramdisk's choice; the image must fit in any case."""
    operation = site.deploy(2, {"root_disk": "ssd,serial=S3Z8,max_gib=960"})
    headers = {"Authorization": f"Bearer {site.booted_at(operation, '127.0.0.1')}"}
    told = create_boot_app(site.boot()).test_client().get("/ramdisk/v1/deployment", headers=headers).get_json()
    bounds = {"min_size_bytes": len(RAW), "max_size_bytes": 960 * 2**30}
    assert told["disk"] == bounds | {"serial": "S3Z8", "rotational": False}


def test_a_failure_keeps_its_words_and_the_end_of_the_log(machine: Machine) -> None:
    """64 KiB of the log are kept; the first reason stands."""
    assert machine.tell("failed", {"why": "no disk", "log": "x" * 70_000 + "the end"}) == 204
    assert machine.tell("failed", {"why": "something else"}) == 204
    report = machine.now().report
    assert report.failure == "no disk"
    assert (len(report.log), report.log[-7:]) == (65536, "the end")


def test_a_log_cannot_steer_the_terminal_that_shows_it(machine: Machine) -> None:
    """Escape sequences of a machine's log lose their power; its lines stay lines."""
    assert machine.tell("failed", {"why": "no\x1b[2J disk", "log": "sda:\terror\x07\r\nend\x9b31m\n"}) == 204
    report = machine.now().report
    assert (report.failure, report.log) == ("no[2J disk", "sda:\terror\nend31m\n")


def test_progress_is_kept_in_redis_alone(machine: Machine) -> None:
    """No row is written for it, and no worker is woken."""
    before = machine.now()
    assert machine.tell("progress", {"done_bytes": 5, "total_bytes": 9}) == 204
    assert machine.site.queue.progress(machine.operation.id) == (5, 9)
    assert machine.now() == before
    assert nudges(machine.site.queue) == []


def test_without_redis_a_call_still_counts(site: Site) -> None:
    """The row is the truth: it is written, `watch` finds it, and progress is lost without harm."""
    site.queue = JobQueue("redis://127.0.0.1:1/0")
    machine = Machine(site, create_boot_app(site.boot()))
    assert machine.tell("progress", {"done_bytes": 5, "total_bytes": 9}) == 204
    assert machine.tell("inventory", INVENTORY) == 204
    with site.store.read() as transaction:
        assert [one.id for one in transaction.operations.due()] == [machine.operation.id]


@pytest.mark.parametrize(
    ("name", "told", "title"),
    [
        ("inventory", {"memory_mib": 1}, "cpus: Field required"),
        ("inventory", {"cpus": -1, "memory_mib": 1}, "cpus: "),
        ("inventory", {"cpus": 1, "memory_mib": 1, "nics": [{"mac": "x"}]}, "nics.0.mac: "),
        ("inventory", {"cpus": 1, "memory_mib": 1, "nics": [{"mac": "52:54:00:00:01:00"}] * 65}, "nics: "),
        ("inventory", [], "the body: "),
        ("progress", {"done_bytes": 2**63, "total_bytes": 1}, "done_bytes: "),
        ("done", {"raw_tree_sha512": "abc"}, "raw_tree_sha512: "),
        ("failed", {"why": ""}, "why: "),
        ("failed", {"why": "x" * 501}, "why: "),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(machine: Machine, name: str, told: object, title: str) -> None:
    """The title says which field, without repeating what was sent; nothing is changed."""
    before = machine.now()
    answer = machine.client.post(f"/ramdisk/v1/{name}", json=told, headers=machine.bearer)
    assert answer.status_code == 422
    assert answer.get_json()["title"].startswith(title)
    assert machine.now() == before


def test_a_body_without_end_is_refused(machine: Machine) -> None:
    """One mebibyte is more than any call needs."""
    body = json.dumps({"why": "x", "log": "y" * 2**20})
    answer = machine.client.post("/ramdisk/v1/failed", data=body, headers=machine.bearer)
    assert answer.status_code == 413


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["inventory", "progress", "done", "failed"]),
    body=st.one_of(st.binary(max_size=200), st.from_type(object).map(str).map(str.encode)),
)
def test_garbage_never_breaks_the_service(machine: Machine, name: str, body: bytes) -> None:
    """Whatever the body is, the answer is a problem document or a success, never an error of ours."""
    answer = machine.client.post(f"/ramdisk/v1/{name}", data=body, headers=machine.bearer)
    assert answer.status_code in (204, 422)


def test_a_method_that_is_not_meant_is_refused(machine: Machine) -> None:
    """What is fetched cannot be posted to."""
    assert machine.client.post("/ramdisk/v1/deployment", headers=machine.bearer).status_code == 405
    assert machine.client.put(f"/seed/v1/{machine.token}/meta-data").status_code == 405
