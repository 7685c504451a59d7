"""HTTP boot as a process of its own, over real connections."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import pytest

from bmprov.settings import dump
from pxe.http_server import listen
from tests.pxe.provisioning import Site

STALLED_S, ENDS_S = 1, 20
MACHINE = "127.66.0.10"
PROGRAM = """
import sys
from pathlib import Path
from bmprov.settings import load
from pxe import http_server, process
http_server.listen.__defaults__ = (int(sys.argv[2]),)
process.run(load(Path(sys.argv[1])), "http")
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@pytest.fixture
def served(site: Site, tmp_path: Path) -> Iterator[Site]:
    """The site with its HTTP service running, with four threads and little patience."""
    site.use_ports(free_port())
    site.settings = replace(site.settings, pxe=replace(site.settings.pxe, loaders=site.loader.parent))
    (tmp_path / "bmprov.toml").write_text(dump(site.settings))
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "bmprov.toml"), str(STALLED_S)]
    with ExitStack() as running:
        log = running.enter_context((tmp_path / "http.log").open("wb"))
        process = running.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
        running.callback(process.kill)
        wait_for(lambda: b"HTTP boot ready" in (tmp_path / "http.log").read_bytes())
        yield site
        process.send_signal(signal.SIGTERM)
        assert process.wait(ENDS_S) == 0


def wait_for(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + ENDS_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)  # another process makes it hold


def connect(site: Site, source: str = MACHINE) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", site.settings.pxe.http_port, timeout=ENDS_S, source_address=(source, 0))


def ask(site: Site, path: str, source: str = MACHINE, **headers: str) -> tuple[int, bytes]:
    connection = connect(site, source)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_an_image_arrives_whole_and_in_ranges(served: Site) -> None:
    """Through sendfile(2), from the machine's own address and from no other."""
    token = served.booted_at(served.deploy(), MACHINE)
    content = served.images.path(served.image.sha256).read_bytes()
    path = f"/images/v1/{token}/{served.image.sha256}"
    assert ask(served, path) == (200, content)
    assert ask(served, path, Range="bytes=1000-") == (206, content[1000:])
    assert ask(served, path, "127.0.0.1")[0] == 403


def test_machines_that_read_no_more_are_given_up(served: Site) -> None:
    """Three stall and hold all the slots; a fourth is asked to wait, and is served when they have been given up."""
    token = served.booted_at(served.deploy(), MACHINE)
    large = served.settings.images / "ramdisk" / "initrd"
    large.write_bytes(b"initrd " * 6_000_000)
    path = f"/boot/v1/{token}/initrd"
    stalled = []
    for _ in range(3):
        connection = connect(served)
        connection.request("GET", path)
        assert connection.getresponse().status == 200
        stalled.append(connection)
    assert ask(served, path, Range="bytes=0-5")[0] == 503
    assert ask(served, f"/boot/v1/{token}/script.ipxe")[0] == 200
    wait_for(lambda: ask(served, path, Range="bytes=0-5") == (206, b"initrd"))


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """Before any process is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", taken.getsockname()[1])
    assert list(tmp_path.iterdir()) == []
