"""A site with its network-boot services running as processes, on ports of loopback, without root."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bmprov.cli.embedded import free_ports
from bmprov.settings import dump
from pxe.process import PARTS
from tests.pxe.provisioning import Site

ENDS_S = 30
PROGRAM = """
import sys
from pathlib import Path
from bmprov.cli import journal
from bmprov.settings import load
from pxe.process import run

settings = load(Path(sys.argv[1]))
journal.configure("json")
run(settings, sys.argv[2])
"""


@dataclass
class Services:
    """The site, and the processes of its parts by name."""

    site: Site
    folder: Path
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, part: str) -> None:
        """Start a part; what it says goes to a file."""
        command = [sys.executable, "-c", PROGRAM, str(self.folder / "bmprov.toml"), part]
        with (self.folder / f"{part}.log").open("ab") as log:
            self.parts[part] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def kill(self, *parts: str) -> None:
        """Kill parts with all their processes."""
        for process in (self.parts[part] for part in parts):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def log(self, part: str) -> str:
        """What a part has said."""
        return (self.folder / f"{part}.log").read_text()

    def stop(self) -> None:
        """End all parts as an operator would, and see that they do."""
        for process in self.parts.values():
            process.terminate()
        for process in self.parts.values():
            assert process.wait(ENDS_S) == 0


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Wait until other processes have made something hold."""
    end = time.monotonic() + ENDS_S
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.fixture(scope="package")
def services(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("services")
    site = Site(folder, valkey)
    dhcp, tftp = free_ports(socket.SOCK_DGRAM, 2)
    http, dns = free_ports(socket.SOCK_STREAM, 2)
    site.use_ports(http, dhcp, tftp, dns)
    site.clock.now = time.time()
    (folder / "bmprov.toml").write_text(dump(site.settings))
    running = Services(site, folder)
    try:
        for part in PARTS:
            running.start(part)
        for part in PARTS:
            wait_for(lambda part=part: " ready" in running.log(part), part)  # type: ignore[misc] # a loop's variable
        yield running
        running.stop()
    finally:
        running.kill(*running.parts)
        site.store.close()
