"""The machines that the one suite of all power drivers is run on, and the driver that each wants."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from bmprov.power import BmcLogin, PowerDriver
from tests.contract import bmcs, redfish_bmcs
from tests.contract.bmcs import IpmiMachine, Machine
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.ipmi import IpmiDriver
from worker.drivers.redfish import RedfishDriver
from worker.drivers.redfish_session import LocalSessions


@contextmanager
def _simulated_ipmi(_folder: Path, *, suites: tuple[int, ...]) -> Iterator[IpmiMachine]:
    with bmcs.simulated_bmcs() as hall:
        yield hall.start(suites=suites)


IPMI: dict[str, Callable[[Path], AbstractContextManager[IpmiMachine]]] = {
    "ipmi_sim": bmcs.ipmi_sim,
    "VirtualBMC": bmcs.virtual_bmc,
    "simulated, suites 17 and 3": partial(_simulated_ipmi, suites=(17, 3)),
    "simulated, suite 17": partial(_simulated_ipmi, suites=(17,)),
    "simulated, suite 3": partial(_simulated_ipmi, suites=(3,)),
}
REDFISH: dict[str, Callable[[Path], AbstractContextManager[Machine]]] = {
    "simulated Redfish, TLS": redfish_bmcs.simulated_redfish,
    "simulated Redfish, HTTP": partial(redfish_bmcs.simulated_redfish, with_tls=False),
    "sushy-tools over libvirt": redfish_bmcs.sushy_emulator,
    "sushy-tools, fake": redfish_bmcs.sushy_fake,
}


def driver_of(login: BmcLogin) -> PowerDriver:
    """The driver for a BMC, by the scheme of its address."""
    if login.address.startswith("ipmi:"):
        return IpmiDriver(login, LocalBmcLock())
    return RedfishDriver(login, LocalBmcLock(), LocalSessions())
