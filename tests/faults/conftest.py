"""A whole service with simulated machines, to be hurt: `bmprov up` in a folder of its own, once for all tests here."""

import configparser
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis

from bmprov.sim.cloudstack import CloudStack
from bmprov.sim.virtual_machine import Nic, VirtualMachine, virtual_machine

ROOT = Path(__file__).parents[2]
MACHINES = 4
WORKERS = 2  # as `bmprov up` has by itself
PACE = {
    "post_s": 0.2,
    "kernel_s": 0.2,
    "os_boot_s": 0.1,
    "shutdown_s": 0.2,
    "write_mb_s": 20,
    "progress_s": 0.2,
    "jitter": 0.2,
}
START_S = 150
SETTINGS = "[watch]\nsweep_s = 0.5\nregions_s = 1.0\nregions_look_s = 0.5\n\n[worker]\nlease_s = 20.0\n"


@dataclass
class House:
    """The running service, and CloudStack beside it."""

    folder: Path
    process: subprocess.Popen[bytes]
    instances: int = 100
    tuned: bool = False

    def cloudstack(self, where: Path, timeout_s: int = 60) -> CloudStack:
        """A CloudStack whose extension knows this service."""
        installed = where / "extension"
        installed.mkdir()
        shutil.copy(ROOT / "extension" / "bmprov.py", installed / "bmprov.py")
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(self.folder / "extension.ini")
        payloads = where / "payloads"
        payloads.mkdir()
        return CloudStack(
            installed / "bmprov.py", payloads, dict(parser["bmprov"]), host={"host": "h"}, timeout_s=timeout_s
        )

    def instance(self, **details: str) -> VirtualMachine:
        """An instance that has never been."""
        self.instances += 1
        nic = Nic(f"02:01:00:00:00:{self.instances % 256:02x}", f"10.1.1.{self.instances % 256}", "1577")
        return virtual_machine(self.instances, [nic], {"image": "demo", **details})

    def ask(self, path: str, method: str = "GET", body: object = None) -> Any:  # noqa: ANN401 - JSON
        """The API's answer to the administrator."""
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(self.folder / "client.ini")
        login = parser["bmprov"]
        headers = {"Authorization": f"Bearer {login['token']}"}
        data = None if body is None else json.dumps(body).encode()
        if data:
            headers["Content-Type"] = "application/json"
        asked = urllib.request.Request(  # noqa: S310 - https, from our own file
            f"{login['endpoint']}/api/v1{path}", data, headers, method=method
        )
        trust = ssl.create_default_context(cafile=login["ca"])
        with urllib.request.urlopen(asked, context=trust, timeout=10) as answer:  # noqa: S310 - as above
            return json.loads(answer.read() or b"null")

    def pids(self, *words: str) -> list[int]:
        """Processes of this service whose command line has all of `words`."""
        mine = str(self.folder)
        found = []
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            except OSError:
                continue
            text = [word.decode(errors="replace") for word in command]
            if any(word.startswith(mine) for word in text) and all(word in text for word in words):
                found.append(int(entry.name))
        return found

    def kill(self, *words: str) -> int:
        """End (kill -9) the processes with these words on its command line; how many there were."""
        pids = self.pids(*words)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return len(pids)

    def tune(self, **changes: object) -> None:
        """Change all simulated machines, as an operator would: by editing their file."""
        self.tuned = True
        path = self.folder / "sim.yaml"
        hall = yaml.safe_load(path.read_text())
        for machine in hall["machines"]:
            machine.update(changes)
        path.write_text(yaml.safe_dump(hall))
        until(lambda: self._followed(path.stat().st_mtime), "the simulator's look at its file", 5)

    def _followed(self, changed_at: float) -> bool:
        time.sleep(0.6)  # the simulator looks twice a second, and tells its log only
        return (self.folder / "log" / "sim.log").stat().st_mtime >= changed_at - 1

    @property
    def redis(self) -> "Redis[bytes]":
        """The service's Redis."""
        return Redis.from_url(tomllib.loads((self.folder / "bmprov.toml").read_text())["redis"])

    def machines(self, state: str) -> list[dict[str, Any]]:
        """Machines in a state."""
        return list(self.ask(f"/machines?state={state}")["machines"])

    def calls(self, operation_id: str, call: str) -> int:
        """How often a ramdisk made a call for an operation."""
        lines = (self.folder / "log" / "pxe-http.log").read_text().splitlines()
        told = (json.loads(line) for line in lines if line.startswith("{"))
        return sum(one.get("operation") == operation_id and one.get("call") == call for one in told)

    def in_background(self, call: Callable[[], object]) -> threading.Thread:
        """Run something beside the test."""
        thread = threading.Thread(target=call)
        thread.start()
        return thread


def until(holds: Callable[[], bool], what: str, within_s: float = 30) -> None:
    """Wait until something holds; fail naming it."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, f"{what} did not happen in {within_s} s"
        time.sleep(0.02)  # it is another process that makes it hold


@contextmanager
def running(folder: Path, settings: str = SETTINGS) -> Iterator[House]:
    """A service in this folder while the block lasts."""
    (folder / "bmprov.toml").write_text(settings)
    command = [
        str(Path(sys.executable).with_name("bmprov")),
        "up",
        "--data",
        str(folder),
        "--port",
        "0",
        "--sim",
        str(MACHINES),
    ]
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until(lambda: (folder / "ready").exists() or process.poll() is not None, "the service's start", START_S)
        assert process.poll() is None, (folder / "up.log").read_text()
        house = House(folder, process)
        house.tune(pace=PACE)
        yield house
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def healthy(house: House) -> Iterator[House]:
    """The house without faults, all its workers there, and with a full pool again afterwards."""
    until(lambda: len(house.pids("worker")) == WORKERS, "the workers that an earlier test has killed", 60)
    yield house
    if house.tuned:
        house.tune(faults={}, bmc_faults={})
        house.tuned = False
    for machine in house.ask("/machines")["machines"]:
        if machine["state"] in ("active", "error", "reserved", "deploying"):
            house.ask(f"/machines/{machine['name']}/release", "POST")
    until(lambda: len(house.machines("available")) == MACHINES, "the return of all machines to the pool", 60)
