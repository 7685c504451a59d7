"""A hall whose BMCs speak Redfish, as a process: its certificate, its faults, its boot, its consoles."""

import asyncio
import socket
import ssl
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from bmprov.cli.embedded import free_ports
from bmprov.hardware import Console, ConsoleKind
from bmprov.power import BmcLogin
from bmprov.sim import hall
from tests.sim.running_hall import running_hall, wait_for
from tests.worker.console.ear import Ear
from worker.console.ssh_line import SshLine

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
    path = tmp_path / "sim.yaml"
    plans = [
        replace(one, bmc_protocol=hall.BmcProtocol.REDFISH, bmc_tls=tls)
        for one, tls in zip(hall.plan(2, free_ports(socket.SOCK_STREAM, 2), "instant"), (True, False), strict=True)
    ]
    hall.dump(plans, path)
    trust = ssl.create_default_context(cafile=hall.certificate(path))
    urls = [one.bmc_address.replace("redfish+http:", "http:").replace("redfish:", "https:") for one in plans]
    with running_hall(path):
        secure, plain = (httpx.Client(base_url=url, auth=("admin", "simulated"), verify=trust) for url in urls)
        with secure, plain:
            yield Running(path, secure, plain)


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


def test_consoles_have_one_host_key(running: Running) -> None:
    """It is made for the first who connects, stays, and is its owner's; each console is its own machine's."""

    async def look(port: int, name: str, pinned: str) -> str:
        where, ear = Console(ConsoleKind.SSH, f"ssh://127.0.0.1:{port}"), Ear()
        line = await SshLine.open(BmcLogin("redfish://127.0.0.1", "admin", "simulated"), where, pinned, ear)
        await ear.hears(f"firmware, machine {name}".encode())
        await line.close()
        return line.host_key

    shown = ""
    for client, one in zip((running.secure, running.plain), hall.load(running.path), strict=True):
        client.post(f"{SYSTEM}/Actions/ComputerSystem.Reset", json={"ResetType": "On"})
        port = client.get(SYSTEM).json()["SerialConsole"]["SSH"]["Port"]
        shown = asyncio.run(look(port, one.name, shown))
    assert stat.S_IMODE(running.path.with_suffix(".ssh.key").stat().st_mode) == 0o600
