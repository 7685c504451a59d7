"""A hall whose BMCs speak Redfish, as a process: its certificate, its faults, its boot."""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from bmprov.cli.embedded import free_ports
from bmprov.settings import PxeSettings, Settings, dump
from bmprov.sim import hall

ENDS_S = 20.0
PROGRAM = """
import sys
from pathlib import Path
from bmprov.settings import load
from bmprov.sim import hall

hall.run(Path(sys.argv[1]), load(Path(sys.argv[2])))
"""
SYSTEM = "/redfish/v1/Systems/1"


@dataclass
class Running:
    """A hall of one BMC that speaks HTTPS and one that speaks HTTP, as a process."""

    path: Path
    secure: httpx.Client
    plain: httpx.Client

    def faults(self, **faults: object) -> None:
        """Give the first one faults."""
        first, *others = hall.load(self.path)
        hall.dump([replace(first, bmc_faults=faults), *others], self.path)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    path, settings = tmp_path / "sim.yaml", tmp_path / "bmprov.toml"
    plans = [
        replace(one, bmc_protocol=hall.BmcProtocol.REDFISH, bmc_tls=tls)
        for one, tls in zip(hall.plan(2, free_ports(socket.SOCK_STREAM, 2), "instant"), (True, False), strict=True)
    ]
    hall.dump(plans, path)
    settings.write_text(dump(Settings(pxe=PxeSettings(dhcp_port=9))))
    trust = ssl.create_default_context(cafile=hall.certificate(path))
    urls = [one.bmc_address.replace("redfish+http:", "http:").replace("redfish:", "https:") for one in plans]
    with (tmp_path / "hall.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path), str(settings)], stdout=log, stderr=log)
    try:
        wait_for(lambda: b"are up" in (tmp_path / "hall.log").read_bytes())
        secure, plain = (httpx.Client(base_url=url, auth=("admin", "simulated"), verify=trust) for url in urls)
        with secure, plain:
            yield Running(path, secure, plain)
        process.terminate()
        assert process.wait(ENDS_S) == 0
        assert b"Traceback" not in (tmp_path / "hall.log").read_bytes()
    finally:
        process.kill()


def wait_for(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + ENDS_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)  # another process makes it hold


def test_a_hall_speaks_redfish(running: Running) -> None:
    """Each BMC tells its own machine and moves it, over HTTPS with the hall's certificate and over HTTP."""
    for client, plan in zip((running.secure, running.plain), hall.load(running.path), strict=True):
        told = client.get(SYSTEM).json()
        assert (told["Name"], told["PowerState"]) == (plan.name, "Off")
        boot = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}
        client.patch(SYSTEM, json={"Boot": boot})
        assert client.post(f"{SYSTEM}/Actions/ComputerSystem.Reset", json={"ResetType": "On"}).status_code == 204
        assert client.get(SYSTEM).json()["PowerState"] == "On"
        wait_for(lambda client=client: override(client) == "Disabled")  # type: ignore[misc] # a loop's variable
    port = int(running.secure.base_url.port or 0)
    assert ssl.get_server_certificate(("127.0.0.1", port)) == hall.certificate(running.path).read_text()


def override(client: httpx.Client) -> str:
    told: str = client.get(SYSTEM).json()["Boot"]["BootSourceOverrideEnabled"]
    return told


def test_a_hall_follows_its_file(running: Running) -> None:
    """Faults that only Redfish has begin and end while it runs, on the machine that has them."""
    running.faults(unavailable_s=3)
    wait_for(lambda: running.secure.get(SYSTEM).status_code == 503)
    assert running.plain.get(SYSTEM).status_code == 200
    running.faults(lies="on")
    wait_for(lambda: running.secure.get(SYSTEM).status_code == 200)
    assert running.secure.get(SYSTEM).json()["PowerState"] == "On"
