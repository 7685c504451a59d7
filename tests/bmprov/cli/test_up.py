"""`bmprov up` as a whole, with every process of it killed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bmprov.cli.api import Api
from bmprov.cli.embedded import check_ports, free_ports, settle
from bmprov.cli.folder import Folder
from bmprov.cli.login import Login
from bmprov.errors import Fatal
from tests.bmprov.cli.conftest import Said
from tests.bmprov.cli.house import House, alive, house, kill, until

# longer than the 107 bytes that the path of a Unix socket may have
LONG = "a-folder-whose-name-is-long-" * 4


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A service for this module alone: its processes are killed."""
    with house(tmp_path_factory.mktemp("own") / LONG, "--sim", "1", "--workers", "1") as running:
        yield running


def up(*options: object) -> Said:
    argv = [sys.executable, "-m", "bmprov", "up", *map(str, options)]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    return Said(ended.returncode, ended.stdout, ended.stderr)


def test_a_second_one_is_refused(own: House) -> None:
    """One folder has one `up`; the sentence says which process that is."""
    said = up("--data", own.folder)
    assert said.code == 1
    assert f"another `bmprov up` runs in {own.folder} (process {own.process.pid})" in said.err
    assert (own.folder / "ready").exists()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Whose port it is and how to find its owner stand in one sentence."""
    with socket.create_server(("127.0.0.1", *free_ports(socket.SOCK_STREAM, 1))) as taken:
        port = taken.getsockname()[1]
        said = up("--data", tmp_path / "data", "--port", port)
    assert said.code == 1
    assert f"the API's port {port} of 127.0.0.1 cannot be listened on (Address already in use): see" in said.err
    assert said.err.count("\n") == 1


def test_dns_runs_where_a_port_is_set_for_it(tmp_path: Path) -> None:
    """Then its port must be free too, by UDP and TCP; without one there is no such process."""
    data, (port,) = tmp_path / "data", free_ports(socket.SOCK_STREAM, 1)
    data.mkdir()
    (data / "bmprov.toml").write_text(f"[pxe]\ndns_port = {port}\n")
    chosen = settle(Folder.make(data), None, 0)
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(Fatal, match=rf"network boot's DNS port {port} of 127\.0\.0\.1 cannot be listened on"),
    ):
        check_ports(chosen, 0.1)
    with house(data) as running:
        assert any(part.endswith(" dns ") for part in running.parts())
        socket.create_connection(("127.0.0.1", port), 5).close()


def test_without_simulated_machines_it_is_empty(
    tmp_path: Path, bare: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the hall's page can say what the first steps are."""
    monkeypatch.setenv("BMPROV_DATA", str(tmp_path / "data"))
    with house(tmp_path / "data"):
        for what in ("machine", "image", "instance"):
            said = bare(what, "list", "--json")
            assert (said.code, json.loads(said.out)) == (0, []), said


def test_every_part_tells_that_it_lives(own: House) -> None:
    """None of them is missed on the page of what is wrong."""
    with Api(Login.from_file(own.folder / "client.ini")) as api:
        until(lambda: not [one for one in api.get("/health")["troubles"] if "run" in one["what"]])
        alive = {process["part"] for process in api.get("/health")["pulse"]["processes"]}
    assert alive == {"api", "worker", "watch", "console", "dhcp", "tftp", "http"}


def test_every_part_that_dies_is_started_again(own: House, bare: Callable[..., Said]) -> None:
    """All processes are killed at once; each comes back, and the service works."""
    until(lambda: len(own.parts()) == 9)  # `furnish` says `ready`, and ends then
    before = own.parts()
    for pid in before.values():
        kill(pid)
    until(lambda: own.parts().keys() == before.keys() and not set(own.parts().values()) & set(before.values()))
    until(lambda: bare("machine", "list", "--data", own.folder).code == 0)
    assert "sim-r01-u01" in bare("machine", "list", "--data", own.folder).out
    until(lambda: bare("machine", "power", "sim-r01-u01", "on", "--data", own.folder).code == 0)
    assert len(re.findall(r"was killed by SIGKILL, starts again in 0.2 s", own.said)) == len(before)


def test_what_it_hands_over(own: House) -> None:
    """The extension's file has what the extension reads, and other users cannot read it."""
    text = (own.folder / "extension.ini").read_text()
    assert re.search(r"(?m)^endpoint = https://127\.0\.0\.1:\d+\ntoken = bmprov_\S+\nca = /.*api\.pem$", text)
    assert (own.folder / "extension.ini").stat().st_mode & 0o077 == 0


def test_killed_it_leaves_nobody_and_comes_back_as_it_was(own: House, bare: Callable[..., Said]) -> None:
    """SIGKILL of `up` ends all of it; started again it has the same endpoint, the same tokens and the same machines."""
    endpoint, ini = (own.folder / "ready").read_text(), (own.folder / "client.ini").read_text()
    left = own.everybody()
    os.kill(own.process.pid, signal.SIGKILL)
    own.process.wait()
    until(lambda: not any(map(alive, left)), 10)
    with house(own.folder) as again:
        assert ((own.folder / "ready").read_text(), (own.folder / "client.ini").read_text()) == (endpoint, ini)
        assert "sim-r01-u01" in bare("machine", "list", "--data", own.folder).out
        left = again.everybody()
        assert again.stop() == 0
        assert not any(map(alive, left))
        assert again.said.splitlines()[-1].endswith("stopped")
    assert not (own.folder / "ready").exists()
