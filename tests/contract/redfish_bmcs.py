"""Redfish BMCs for the tests: our simulated one and sushy-tools' emulator, each with a machine to look at."""

import asyncio
import re
import socket
import ssl
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import bcrypt
import httpx

from bmprov import tls
from bmprov.deadline import Deadline
from bmprov.model import BootMode
from bmprov.power import BmcLogin, BootDevice, Power
from bmprov.sim.facts import MachineFacts
from bmprov.sim.ipmi.session import Account
from bmprov.sim.redfish.bmc import RedfishBmc
from bmprov.sim.redfish.endpoint import RedfishEndpoint, serve_redfish
from bmprov.sim.redfish.sessions import SessionLimits
from bmprov.sim.ssh_port import SshPort
from tests import debian
from tests.contract.bmcs import (
    PASSWORD,
    USER,
    CountingChassis,
    LibvirtMachine,
    SimulatedBmcs,
    free_tcp_port,
    running,
)

EMULATOR, FAKE = (Path(__file__).with_name(name) for name in ("sushy_emulator.py", "sushy_fake.py"))
_T = TypeVar("_T")
FACTS = MachineFacts("sim-1", ("52:54:00:00:00:01", "52:54:00:00:00:02"), boot_mode=BootMode.UEFI)


class SimulatedRedfish:
    """A machine with our simulated Redfish BMC, in the test's own process."""

    tells_boot = True
    keeps_boot = False

    def __init__(self, hall: "RedfishBmcs", endpoint: RedfishEndpoint, chassis: CountingChassis, trust: str) -> None:
        scheme, self.url = ("redfish", "https") if trust else ("redfish+http", "http")
        self.url += f"://127.0.0.1:{endpoint.port}"
        self.login = BmcLogin(f"{scheme}://127.0.0.1:{endpoint.port}", USER, PASSWORD, trust=trust)
        self.bmc = endpoint.bmc
        self.faults = endpoint.bmc.faults
        self.counts = endpoint.bmc.counts
        self.chassis = chassis
        self._hall = hall

    def power(self) -> Power:
        return self.chassis.power

    def netboots(self) -> bool:
        return self.chassis.boot.override.device is BootDevice.NETWORK

    def changes(self) -> int:
        return self.chassis.presses

    def open_sessions(self) -> int:
        return self._hall.call(lambda: self.bmc.open_sessions)

    def call(self, function: Callable[[], _T]) -> _T:
        """What `function` returns when it runs where the machine does."""
        return self._hall.call(function)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return once something holds of it."""
        by = Deadline.after(10)
        while not holds():
            assert not by.passed
            time.sleep(0.01)


class RedfishBmcs(SimulatedBmcs):
    """Simulated Redfish BMCs on one event loop in a thread of its own, with one certificate."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        certificate, key = folder / "bmc.pem", folder / "bmc.key"
        tls.ensure(certificate, key, ["localhost", "127.0.0.1"])
        self.certificate = certificate
        self.trust = f"sha256:{tls.fingerprint(certificate)}"
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        self.host_key = folder / "bmc.ssh.key"
        self._redfish: list[RedfishEndpoint] = []
        self._consoles: list[SshPort] = []

    def start_redfish(
        self, *, with_tls: bool = True, limits: SessionLimits | None = None, console: bool = False
    ) -> SimulatedRedfish:
        chassis = CountingChassis()
        bmc = RedfishBmc(
            chassis, Account(USER, PASSWORD), self.loop.call_later, self.loop.time, facts=FACTS, limits=limits
        )
        served = serve_redfish(bmc, tls=self._tls if with_tls else None)
        endpoint = asyncio.run_coroutine_threadsafe(served, self.loop).result()
        self._redfish.append(endpoint)
        if console:
            self.call(lambda: self._open_console(bmc))
        return SimulatedRedfish(self, endpoint, chassis, self.trust if with_tls else "")

    def _open_console(self, bmc: RedfishBmc) -> None:
        port = SshPort(bmc.chassis.serial, bmc.lets_at_console, self.host_key, lambda: bmc.is_there)
        bmc.system.ssh_port = port.open("127.0.0.1", 0)
        self._consoles.append(port)

    def take_down(self) -> None:
        """Stop every Redfish BMC."""
        asyncio.run_coroutine_threadsafe(self._close_redfish(), self.loop).result()

    async def _close(self) -> None:
        await self._close_redfish()
        await super()._close()

    async def _close_redfish(self) -> None:
        while self._consoles:
            await self._consoles.pop().close()
        while self._redfish:
            await self._redfish.pop().close()


@contextmanager
def redfish_bmcs(folder: Path) -> Iterator[RedfishBmcs]:
    """Where simulated Redfish BMCs can be started."""
    hall = RedfishBmcs(folder)
    try:
        yield hall
    finally:
        hall.stop()


@contextmanager
def simulated_redfish(folder: Path, *, with_tls: bool = True) -> Iterator[SimulatedRedfish]:
    """Our simulated BMC, on HTTPS or HTTP."""
    with redfish_bmcs(folder) as hall:
        yield hall.start_redfish(with_tls=with_tls)


@contextmanager
def sushy_emulator(folder: Path) -> Iterator[LibvirtMachine]:
    """sushy-tools over libvirt: no sessions, no power cycle, a boot order that is kept, and `Once` that is not."""
    port = free_tcp_port()
    debian.file("/usr/lib/python3/dist-packages/libvirt.py", "python3-libvirt")
    python, packages = "/usr/bin/python3", sysconfig.get_path("purelib")
    command = [python, str(EMULATOR), packages, str(port), str(folder / "state"), str(auth_file(folder))]
    with running(command, folder):
        wait_for_port(port)
        yield LibvirtMachine(BmcLogin(f"redfish+http://127.0.0.1:{port}", USER, PASSWORD), folder, "interface")


class SushyFakeMachine:
    """A machine of sushy-tools' fake driver, seen through its HTTP and its access log, for it has nothing else."""

    tells_boot = True
    keeps_boot = False

    def __init__(self, folder: Path, port: int) -> None:
        self.login = BmcLogin(f"redfish+http://127.0.0.1:{port}", USER, PASSWORD)
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=(USER, PASSWORD))
        self._output = folder / "output"

    def power(self) -> Power:
        return Power(self._system()["PowerState"].lower())

    def netboots(self) -> bool:
        return bool(self._system()["Boot"]["BootSourceOverrideTarget"] == "Pxe")

    def changes(self) -> int:
        return len(re.findall("POST [^ ]*ComputerSystem.Reset HTTP", self._output.read_text()))

    def close(self) -> None:
        self._http.close()

    def _system(self) -> dict[str, Any]:
        (member,) = self._http.get("/redfish/v1/Systems").json()["Members"]
        system: dict[str, Any] = self._http.get(member["@odata.id"]).json()
        return system


@contextmanager
def sushy_fake(folder: Path) -> Iterator[SushyFakeMachine]:
    """sushy-tools with machines that it makes up: power changes show late, and all is `Continuous`, no target even."""
    port = free_tcp_port()
    settings = {
        "SUSHY_EMULATOR_AUTH_FILE": str(auth_file(folder)),
        "SUSHY_EMULATOR_STATE_DIR": str(folder),
        "SUSHY_EMULATOR_FAKE_DRIVER": True,
    }
    config = folder / "emulator.conf"
    config.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
    options = ["--fake", "--config", str(config), "--interface", "127.0.0.1", "--port", str(port)]
    with running([sys.executable, str(FAKE), *options], folder):
        wait_for_port(port)
        machine = SushyFakeMachine(folder, port)
        try:
            yield machine
        finally:
            machine.close()


def auth_file(folder: Path) -> Path:
    """The users of sushy-tools, as Apache's htpasswd has them."""
    path = folder / "users"
    path.write_text(f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")
    return path


def wait_for_port(port: int) -> None:
    """Return once somebody listens."""
    by = Deadline.after(20)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert not by.passed, "nobody listens"
            time.sleep(0.02)  # a server that starts tells nobody
        else:
            return


def said(answer: httpx.Response) -> list[str]:
    """The messages of an error body, by name."""
    told = answer.json()["error"]
    names = [message["MessageId"].rpartition(".")[2] for message in told["@Message.ExtendedInfo"]]
    assert re.fullmatch(r"Base\.1\.\d+\.\w+", told["code"])
    assert told["message"]
    return names
