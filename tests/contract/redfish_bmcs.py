"""Redfish BMCs for the tests: our simulated one and sushy-tools' emulator, each with a machine to look at."""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bmprov import tls
from bmprov.deadline import Deadline
from bmprov.model import BootMode
from bmprov.power import BmcLogin, BootDevice, Power
from bmprov.sim.ipmi.session import Account
from bmprov.sim.redfish.bmc import RedfishBmc
from bmprov.sim.redfish.endpoint import RedfishEndpoint, serve_redfish
from bmprov.sim.redfish.facts import MachineFacts
from bmprov.sim.redfish.sessions import SessionLimits
from tests.contract.bmcs import PASSWORD, USER, CountingChassis, SimulatedBmcs

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
        self._redfish: list[RedfishEndpoint] = []

    def start_redfish(self, *, with_tls: bool = True, limits: SessionLimits | None = None) -> SimulatedRedfish:
        chassis = CountingChassis()
        bmc = RedfishBmc(
            chassis, Account(USER, PASSWORD), self.loop.call_later, self.loop.time, facts=FACTS, limits=limits
        )
        served = serve_redfish(bmc, tls=self._tls if with_tls else None)
        endpoint = asyncio.run_coroutine_threadsafe(served, self.loop).result()
        self._redfish.append(endpoint)
        return SimulatedRedfish(self, endpoint, chassis, self.trust if with_tls else "")

    async def _close(self) -> None:
        for endpoint in self._redfish:
            await endpoint.close()
        await super()._close()


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
