"""Real BMCs for the tests: ipmi_sim, VirtualBMC's server and our simulated one, each with a machine to look at."""

import asyncio
import socket
import subprocess
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from bmprov.deadline import Deadline
from bmprov.errors import BmcUnreachable
from bmprov.power import BmcLogin, BootDevice, Power, PowerAction
from bmprov.sim.bmc import Bmc
from bmprov.sim.bmc_server import BmcEndpoint, serve_bmc
from bmprov.sim.chassis import PlainChassis
from bmprov.sim.ipmi.session import Account
from bmprov.sim.ipmi.sessions import SessionLimits
from tests import debian
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.ipmi import IpmiDriver

USER, PASSWORD = "admin", "secret"
_T = TypeVar("_T")
VIRTUAL_BMC = Path(__file__).with_name("virtual_bmc.py")

CHASSIS = """#!/bin/sh
# What ipmi_sim calls to move its machine: <program> 0x20 get|set <what> [value] ...; the state is files beside it.
cd "$(dirname "$0")"
action=$2
shift 2
[ "$action" = set ] && echo "$@" >> changes
while [ $# -gt 0 ]; do
    case "$action $1" in
    "get power") echo "power:$(cat power)" ;;
    "get boot") echo "boot:$(cat boot)" ;;
    "set power") echo "$2" > power ;;
    "set boot") echo "$2" > boot ;;
    "set shutdown") echo 0 > power ;;
    esac
    [ "$action" = set ] && shift
    shift
done
"""

LAN = """name "bmprov"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{folder}/chassis 0x20"
  user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""
SERIAL = '  sol "tcp:127.0.0.1:{port}" 115200\n'

EMULATION = """mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""


class Machine(Protocol):
    """A machine behind a BMC, seen from the other side.

    `tells_boot`: the BMC reads its boot override back as valid. `keeps_boot`: it cannot be without one.
    """

    login: BmcLogin
    tells_boot: bool
    keeps_boot: bool

    def power(self) -> Power: ...

    def netboots(self) -> bool:
        """Whether the network is where it will boot from."""
        ...

    def changes(self) -> int:
        """How often somebody moved its power."""
        ...


class IpmiMachine(Machine, Protocol):
    """A machine behind a BMC that speaks IPMI."""

    speaks_suite_3: bool


class SimulatedMachine:
    """A machine with our simulated BMC, in the test's own process."""

    tells_boot = True
    keeps_boot = False

    def __init__(
        self, hall: "SimulatedBmcs", endpoint: BmcEndpoint, chassis: "CountingChassis", *, speaks_suite_3: bool
    ) -> None:
        self.speaks_suite_3 = speaks_suite_3
        self.login = BmcLogin(f"ipmi://127.0.0.1:{endpoint.port}", USER, PASSWORD)
        self.endpoint = endpoint
        self.bmc = endpoint.bmc
        self.faults = endpoint.bmc.faults
        self.chassis = chassis
        self._hall = hall

    def power(self) -> Power:
        return self.chassis.power

    def netboots(self) -> bool:
        return self.chassis.boot.override.device is BootDevice.NETWORK

    def changes(self) -> int:
        return self.chassis.presses

    def open_sessions(self) -> int:
        return self.call(lambda: self.bmc.open_sessions(self._hall.loop.time()))

    def call(self, function: Callable[[], _T]) -> _T:
        """What `function` returns when it runs where the machine does."""
        return self._hall.call(function)


class CountingChassis(PlainChassis):
    """Counts how often it is pressed."""

    def __init__(self) -> None:
        super().__init__()
        self.presses = 0

    def press(self, action: PowerAction) -> None:
        self.presses += 1
        super().press(action)


class SimulatedBmcs:
    """Simulated BMCs on one event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="simulated BMCs")
        self._endpoints: list[BmcEndpoint] = []
        self._thread.start()

    def start(
        self, suites: tuple[int, ...] = (17, 3), limits: SessionLimits | None = None, port: int = 0
    ) -> SimulatedMachine:
        chassis = CountingChassis()
        bmc = Bmc(chassis, Account(USER, PASSWORD), self.loop.call_later, suites=suites, limits=limits)
        endpoint = asyncio.run_coroutine_threadsafe(serve_bmc(bmc, port=port), self.loop).result()
        self._endpoints.append(endpoint)
        return SimulatedMachine(self, endpoint, chassis, speaks_suite_3=3 in suites)

    def call(self, function: Callable[[], _T]) -> _T:
        """What `function` returns when it runs on the event loop."""
        answer: Future[_T] = Future()
        self.loop.call_soon_threadsafe(lambda: answer.set_result(function()))
        return answer.result()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _close(self) -> None:
        for endpoint in self._endpoints:
            endpoint.close()
        await asyncio.sleep(0)  # transports close their sockets in the loop's next round


@contextmanager
def simulated_bmcs() -> Iterator[SimulatedBmcs]:
    """Where simulated BMCs can be started."""
    hall = SimulatedBmcs()
    try:
        yield hall
    finally:
        hall.stop()


class IpmiSimMachine:
    """A machine of OpenIPMI's ipmi_sim, whose state is files."""

    tells_boot = False
    keeps_boot = False
    speaks_suite_3 = True

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.login = BmcLogin(f"ipmi://127.0.0.1:{port}", USER, PASSWORD)
        self.process = process
        self._folder = folder

    def power(self) -> Power:
        return Power.ON if (self._folder / "power").read_text().strip() == "1" else Power.OFF

    def netboots(self) -> bool:
        return (self._folder / "boot").read_text().strip() == "pxe"

    def changes(self) -> int:
        log = self._folder / "changes"
        lines = log.read_text().splitlines() if log.exists() else []
        return sum(not line.startswith("boot") for line in lines)


@contextmanager
def ipmi_sim(folder: Path, emulation: str = EMULATION, serial_port: int = 0) -> Iterator[IpmiSimMachine]:
    """OpenIPMI's simulator: suite 3 only, and boot flags that are never marked valid.

    Its machine's serial port is what listens on `serial_port`.
    """
    port = free_udp_port()
    texts = {
        "chassis": CHASSIS,
        "lan.conf": LAN.format(port=port, folder=folder, user=USER, password=PASSWORD)
        + (SERIAL.format(port=serial_port) if serial_port else ""),
        "sim.emu": emulation,
        "power": "0",
        "boot": "none",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "chassis").chmod(0o700)
    (folder / "state").mkdir()
    options = ["-c", "lan.conf", "-f", "sim.emu", "-s", "state", "-n"]
    with running([debian.program("ipmi_sim", "openipmi"), *options], folder) as process:
        machine = IpmiSimMachine(folder, port, process)
        wait_for(machine.login)
        yield machine


class LibvirtMachine:
    """A machine of a server over libvirt, which tells its state in a file: power, boot device, number of changes.

    `network` is libvirt's word for a boot from the network, of those that this server uses.
    """

    tells_boot = True
    keeps_boot = True

    def __init__(self, login: BmcLogin, folder: Path, network: str) -> None:
        self.login = login
        self._folder = folder
        self._network = network

    def power(self) -> Power:
        return Power(self._state()[0])

    def netboots(self) -> bool:
        return self._state()[1] == self._network

    def changes(self) -> int:
        return int(self._state()[2])

    def _state(self) -> list[str]:
        return (self._folder / "state").read_text().split()


class VirtualBmcMachine(LibvirtMachine):
    """A machine of `virtual_bmc.py`."""

    speaks_suite_3 = True


@contextmanager
def virtual_bmc(folder: Path) -> Iterator[VirtualBmcMachine]:
    """VirtualBMC over libvirt: always suite 3, no power cycle, and a boot order that is kept."""
    port = free_udp_port()
    debian.file("/usr/lib/python3/dist-packages/libvirt.py", "python3-libvirt")
    python, packages = "/usr/bin/python3", sysconfig.get_path("purelib")
    command = [python, str(VIRTUAL_BMC), packages, str(port), str(folder / "state"), USER, PASSWORD]
    with running(command, folder):
        machine = VirtualBmcMachine(BmcLogin(f"ipmi://127.0.0.1:{port}", USER, PASSWORD), folder, "network")
        wait_for(machine.login)
        yield machine


@contextmanager
def running(command: list[str], folder: Path, name: str = "output") -> Iterator[subprocess.Popen[bytes]]:
    """A server for as long as the block lasts, its output in a file of this name."""
    with (folder / name).open("w") as output:
        server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield server
    finally:
        server.kill()
        server.wait()


def wait_for(login: BmcLogin) -> None:
    """Return once the BMC answers."""
    by = Deadline.after(20)
    while True:
        try:
            IpmiDriver(login, LocalBmcLock()).read(by)
        except BmcUnreachable:
            if by.passed:
                raise
            time.sleep(0.02)  # the port is closed until the server has started, which tells nobody
        else:
            return


def free_udp_port() -> int:
    """A UDP port of 127.0.0.1 that nobody has at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def free_tcp_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
