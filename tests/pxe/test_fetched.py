"""What machines fetch stands in their operations' timelines: gathered, written late, and never in their way."""

import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tftpy import TftpClient, TftpException

from bmprov.model import NOTE, Operation, StepRun
from pxe.datagram import bind
from pxe.fetched import Fetch, FetchLog
from pxe.http import create_boot_app
from pxe.tftp import TftpService
from pxe.tftp_process import fetch_of
from pxe.tftp_session import Session
from pxe.tftp_transfer import Ended
from tests.pxe.provisioning import Site
from tests.pxe.test_tftp_lossy import serving

WAIT_S = 10.0


@pytest.fixture
def fetched(site: Site) -> FetchLog:
    return FetchLog(site.store, site.settings.site)


def notes(site: Site, operation: Operation) -> list[StepRun]:
    with site.store.read() as transaction:
        return [run for run in transaction.operations.steps_of(operation.id) if run.outcome == NOTE]


def test_requests_for_one_thing_are_one_note(site: Site, fetched: FetchLog) -> None:
    operation = site.deploy()
    for second in range(3):
        fetched.add(Fetch("HTTP", "image", 100.0 + second, 101.0 + second, operation.id, size_bytes=2**20))
    fetched.add(Fetch("HTTP", "iPXE script", 90.0, 90.0, operation.id))
    fetched.write(everything=True)
    told = {run.detail: (run.step, run.attempt, run.started_at, run.ended_at) for run in notes(site, operation)}
    assert told == {"image: 3.0 MiB": ("HTTP", 3, 100.0, 103.0), "iPXE script": ("HTTP", 1, 90.0, 90.0)}


def test_what_goes_on_is_not_written_yet(site: Site) -> None:
    """So that hundreds of requests make one line."""
    operation = site.deploy()
    fetched = FetchLog(site.store, site.settings.site, rest_s=60.0)
    fetched.served(operation.id, "the ramdisk's calls")
    fetched.write()
    assert notes(site, operation) == []
    fetched.write(everything=True)
    assert [run.detail for run in notes(site, operation)] == ["the ramdisk's calls"]


def test_an_address_finds_its_operation_and_strangers_have_none(site: Site, fetched: FetchLog) -> None:
    operation = site.deploy()
    with site.store.write() as transaction:
        transaction.operations.set_boot_ip(operation.id, "10.1.0.50")
    for address in ("10.1.0.50", "10.1.0.99"):
        fetched.add(Fetch("TFTP", "snponly.efi", 1.0, 2.0, "", address, 300_000))
    fetched.write(everything=True)
    assert [run.detail for run in notes(site, operation)] == ["snponly.efi: 293.0 KiB"]


def test_a_machine_that_boots_in_circles_does_not_fill_the_disk(site: Site, fetched: FetchLog) -> None:
    operation = site.deploy()
    for number in range(600):
        fetched.add(Fetch("TFTP", f"file-{number}", 1.0, 2.0, operation.id))
    fetched.write(everything=True)
    assert len(notes(site, operation)) <= 500


def test_an_operation_that_is_gone_is_no_fault(fetched: FetchLog) -> None:
    fetched.served("5ad43f6e-0000-4000-8000-000000000000", "image", 5)
    fetched.write(everything=True)


def test_http_tells_what_was_sent(site: Site) -> None:
    """Script, kernel by ranges, user data: through the real routes, read to the end as gunicorn does."""
    operation = site.deploy()
    with site.store.write() as transaction:
        transaction.operations.set_boot_ip(operation.id, "127.0.0.1")
    boot = replace(site.boot(), fetched=FetchLog(site.store, site.settings.site))
    token, client = site.vault.operation_token(operation.id), create_boot_app(boot).test_client()
    kernel = client.get(f"/boot/v1/{token}/kernel")
    content = kernel.data
    kernel.close()
    part = client.get(f"/boot/v1/{token}/kernel", headers={"Range": "bytes=0-2"})
    assert part.data == content[:3]
    part.close()
    client.get(f"/boot/v1/{token}/script.ipxe")
    boot.fetched.write(everything=True)
    told = [run.detail for run in notes(site, operation)]
    assert sorted(told) == ["iPXE script", f"ramdisk's kernel: {len(content) + 3} B"]


def test_tftp_tells_what_was_sent(tmp_path: Path) -> None:
    """By a client that nobody here wrote."""
    (tmp_path / "snponly.efi").write_bytes(b"x" * 5000)
    heard: list[Fetch] = []

    def told(session: Session, ended: Ended) -> None:
        heard.append(fetch_of(session, ended, time.time()))

    service = TftpService({"snponly.efi": tmp_path / "snponly.efi"}, "", 0, told)
    with bind("127.0.0.1", 0) as bound, serving(partial(service.serve, bound)):
        port = bound.getsockname()[1]
        TftpClient("127.0.0.1", port).download("snponly.efi", str(tmp_path / "got"))
        with pytest.raises(TftpException):
            TftpClient("127.0.0.1", port).download("nothing.efi", str(tmp_path / "none"))
        deadline = time.monotonic() + WAIT_S
        while len(heard) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert sorted((one.by, one.address, one.note.detail) for one in heard) == [
        ("TFTP", "127.0.0.1", "nothing.efi was not sent: refused, no loader has this name"),
        ("TFTP", "127.0.0.1", "snponly.efi: 4.9 KiB"),
    ]


def test_a_machine_never_waits_for_its_note(site: Site) -> None:
    """Not even while the database is locked, which is waited for half a minute elsewhere."""
    fetched = FetchLog(site.store, site.settings.site, rest_s=0.0)
    with site.store.write():
        began = time.perf_counter()
        for number in range(1000):
            fetched.served(f"operation-{number % 50}", "image", 5)
        assert time.perf_counter() - began < WAIT_S


def test_threads_lose_nothing(site: Site) -> None:
    operation = site.deploy()
    fetched = FetchLog(site.store, site.settings.site, rest_s=0.0)

    def fetch() -> None:
        for _ in range(200):
            fetched.served(operation.id, "image", 1)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fetched.write(everything=True)
    deadline = time.monotonic() + WAIT_S
    while _sum(site, operation) < 800 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _sum(site, operation) == 800


def _sum(site: Site, operation: Operation) -> int:
    """Bytes in all notes, such as `image: 3 B`."""
    return sum(int(run.detail.removesuffix(" B").split()[-1]) for run in notes(site, operation))
