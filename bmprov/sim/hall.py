"""A hall of simulated machines in one process, described by a YAML file that may be edited while it runs.

Each entry has what `MachinePlan` names, and may have `pace` (a name of `PACES` or its figures), `faults`
(`FirmwareFaults`) and `bmc_faults` (`BmcFaults`; `RedfishFaults` where the BMC speaks Redfish). The file is looked at
twice a second; what changes of these three takes effect at once.
"""

import asyncio
import resource
import signal
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import structlog
import yaml

from bmprov import tls
from bmprov.errors import Fatal
from bmprov.model import Arch, BootMode
from bmprov.power import Power
from bmprov.settings import Settings
from bmprov.sim.bmc import Bmc
from bmprov.sim.bmc_server import BmcEndpoint, serve_bmc
from bmprov.sim.facts import MachineFacts
from bmprov.sim.faults import BmcFaults
from bmprov.sim.firmware import SimulatedMachine
from bmprov.sim.ipmi.session import Account
from bmprov.sim.pace import PACES, FirmwareFaults, Pace
from bmprov.sim.redfish.bmc import RedfishBmc
from bmprov.sim.redfish.endpoint import RedfishEndpoint, serve_redfish
from bmprov.sim.redfish.faults import RedfishFaults
from bmprov.sim.relay import Relay
from bmprov.sim.ssh_port import SshPort

log = structlog.get_logger()

_LOOK_S = 0.5
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class BmcProtocol(StrEnum):
    """What a BMC speaks."""

    IPMI = "ipmi"
    REDFISH = "redfish"


@dataclass(frozen=True)
class MachinePlan:
    """A simulated machine: what is enrolled of it, and how its BMC is reached on loopback.

    `bmc_port` is a UDP port for IPMI, a TCP port for Redfish, which is HTTPS unless `bmc_tls` is false. One certificate
    serves all BMCs of a hall: `certificate`. Where the BMC speaks Redfish `console_port` is that of the serial console
    over SSH, 0 for a free one; all have one host key, beside the hall's file.
    """

    name: str
    bmc_port: int
    macs: tuple[str, ...]
    user: str = "admin"
    password: str = field(default="simulated", repr=False)
    cpus: int = 4
    memory_mib: int = 8192
    disk_gib: int = 100
    tags: tuple[str, ...] = ()
    arch: Arch = Arch.X86_64
    boot_mode: BootMode = BootMode.UEFI
    cipher_suites: tuple[int, ...] = (17, 3)
    pace: str | Mapping[str, float] = "demo"
    faults: Mapping[str, Any] = field(default_factory=dict)
    bmc_faults: Mapping[str, Any] = field(default_factory=dict)
    bmc_protocol: BmcProtocol = BmcProtocol.IPMI
    bmc_tls: bool = True
    console_port: int = 0
    rack: str = ""
    rack_position: int | None = None

    @property
    def bmc_address(self) -> str:
        """The URL to enrol it by."""
        scheme = self.bmc_protocol if self.bmc_protocol is BmcProtocol.IPMI or self.bmc_tls else "redfish+http"
        return f"{scheme}://127.0.0.1:{self.bmc_port}"


def certificate(path: Path) -> Path:
    """The certificate of the BMCs of the hall in `path`, made when there is none; its key lies beside it.

    Raises:
        Fatal: it cannot be written.
    """
    found = path.with_suffix(".bmc.pem")
    tls.ensure(found, path.with_suffix(".bmc.key"), ["localhost", "127.0.0.1"])
    return found


def plan(count: int, ports: Sequence[int], pace: str = "demo") -> list[MachinePlan]:
    """`count` machines in racks of forty, some of them different, with BMCs on these ports."""
    return [
        MachinePlan(
            name=f"sim-r{number // 40 + 1:02d}-u{number % 40 + 1:02d}",
            bmc_port=ports[number],
            macs=tuple(f"52:54:00:{number >> 8 & 255:02x}:{number & 255:02x}:{port:02x}" for port in range(2)),
            cpus=4 << number % 3,
            memory_mib=8192 << number % 3,
            tags=("ssd",) if number % 2 else (),
            boot_mode=BootMode.BIOS if number % 4 == 3 else BootMode.UEFI,  # noqa: PLR2004 - every fourth is an old one
            pace=pace,
            rack=f"r{number // 40 + 1:02d}",
            rack_position=number % 40 + 1,
            bmc_protocol=BmcProtocol.REDFISH if number % 3 == 2 else BmcProtocol.IPMI,  # noqa: PLR2004 - as above
        )
        for number in range(count)
    ]


def dump(plans: Sequence[MachinePlan], path: Path) -> None:
    """Write the hall's file; it holds the BMCs' passwords, so only its owner may read it."""
    path.touch(mode=0o600)
    entries = [{name: _plain(value) for name, value in asdict(one).items()} for one in plans]
    path.write_text(yaml.dump({"machines": entries}, Dumper=_DUMPER, sort_keys=False))


def load(path: Path) -> list[MachinePlan]:
    """The machines in the hall's file.

    Raises:
        Fatal: it cannot be read or makes no sense.
    """
    try:
        entries = yaml.load(path.read_text(), Loader=_LOADER)["machines"]  # noqa: S506 - a safe loader, in C if there is one
        return [_planned(entry) for entry in entries]
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise Fatal(
            f"the file of simulated machines {path} is not usable ({error})", "compare it with MachinePlan"
        ) from error


def run(path: Path, settings: Settings) -> None:
    """Run the hall in `path` until SIGTERM.

    Raises:
        Fatal: the file makes no sense, or a BMC's port is taken.
    """
    try:
        asyncio.run(_run(path, settings))
    except OSError as error:
        raise Fatal(f"a simulated BMC cannot use its port ({error})", "another hall may be running") from error


class Hall:
    """The running machines, by name. `tls` has the certificate of the BMCs that want one, `host_key` is their SSH's."""

    def __init__(self, relay: Relay, tftp_port: int, host_key: Path, tls: ssl.SSLContext | None = None) -> None:
        self.machines: dict[str, SimulatedMachine] = {}
        self.bmcs: dict[str, Bmc | RedfishBmc] = {}
        self._relay = relay
        self._tftp_port = tftp_port
        self._host_key = host_key
        self._tls = tls
        self._endpoints: list[BmcEndpoint | RedfishEndpoint] = []
        self._consoles: list[SshPort] = []

    async def add(self, one: MachinePlan) -> None:
        """Put up a machine, switched off."""
        inventory = {
            "cpus": one.cpus,
            "memory_mib": one.memory_mib,
            "disks": [{"name": "sda", "size_bytes": one.disk_gib * 2**30}],
            "nics": [{"mac": mac, "name": f"eth{number}"} for number, mac in enumerate(one.macs)],
        }
        machine = SimulatedMachine(one.name, one.macs[0], one.boot_mode, inventory, self._relay, self._tftp_port)
        serve = self._serve_redfish if one.bmc_protocol is BmcProtocol.REDFISH else self._serve_ipmi
        endpoint = await serve(one, machine)
        self._endpoints.append(endpoint)
        self.machines[one.name], self.bmcs[one.name] = machine, endpoint.bmc
        self.tune(one)

    def tune(self, one: MachinePlan) -> None:
        """Take over pace and faults."""
        machine, bmc = self.machines[one.name], self.bmcs[one.name]
        machine.pace, machine.faults, wanted = _tuning(one)
        for item in fields(wanted):
            setattr(bmc.faults, item.name, getattr(wanted, item.name))

    @staticmethod
    async def _serve_ipmi(one: MachinePlan, machine: SimulatedMachine) -> BmcEndpoint:
        later = asyncio.get_running_loop().call_later
        bmc = Bmc(machine, Account(one.user, one.password), later, suites=one.cipher_suites, facts=_facts(one))
        return await serve_bmc(bmc, port=one.bmc_port)

    async def _serve_redfish(self, one: MachinePlan, machine: SimulatedMachine) -> RedfishEndpoint:
        loop = asyncio.get_running_loop()
        bmc = RedfishBmc(machine, Account(one.user, one.password), loop.call_later, loop.time, facts=_facts(one))
        console = SshPort(machine.serial, bmc.lets_at_console, self._host_key, lambda: bmc.is_there)
        bmc.system.ssh_port = console.open("127.0.0.1", one.console_port)
        self._consoles.append(console)
        return await serve_redfish(bmc, port=one.bmc_port, tls=self._tls if one.bmc_tls else None)

    async def close(self) -> None:
        """Stop listening."""
        for console in self._consoles:
            await console.close()
        for endpoint in self._endpoints:
            if isinstance(endpoint, RedfishEndpoint):
                await endpoint.close()
            else:
                endpoint.close()


def _allow_sockets() -> None:
    """A machine has one or two, and the usual limit of 1,024 is soft."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _run(path: Path, settings: Settings) -> None:
    _allow_sockets()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    relay = await Relay((settings.pxe.address, settings.pxe.dhcp_port)).open()
    hall = Hall(relay, settings.pxe.tftp_port, path.with_suffix(".ssh.key"), _tls(path))
    changed_at = _reread(path, hall, 0)  # before the machines are put up: a change meanwhile is seen later
    for one in load(path):
        await hall.add(one)
    log.info("simulated machines are up", machines=len(hall.machines))
    while not stopping.is_set():
        try:
            await asyncio.wait_for(stopping.wait(), _LOOK_S)
        except TimeoutError:
            changed_at = _reread(path, hall, changed_at)
    await hall.close()
    relay.close()


def _tls(path: Path) -> ssl.SSLContext | None:
    if not any(one.bmc_protocol is BmcProtocol.REDFISH and one.bmc_tls for one in load(path)):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(path), path.with_suffix(".bmc.key"))
    return context


def _reread(path: Path, hall: Hall, changed_at: int) -> int:
    try:
        now = path.stat().st_mtime_ns
        if now != changed_at:
            for one in load(path):
                if one.name in hall.machines:
                    hall.tune(one)
            log.info("simulated machines follow their file")
    except (Fatal, OSError) as error:
        log.warning("the file of simulated machines is not followed", error=str(error))
        return changed_at  # it may be half-written, so it is looked at again
    return now


def _facts(one: MachinePlan) -> MachineFacts:
    return MachineFacts(one.name, one.macs, one.cpus, one.memory_mib, one.boot_mode)


def _tuning(one: MachinePlan) -> tuple[Pace, FirmwareFaults, BmcFaults]:
    pace = PACES[one.pace] if isinstance(one.pace, str) else Pace(**one.pace)
    told = dict(one.bmc_faults)
    if told.get("lies"):
        told["lies"] = Power(told["lies"])
    faults = RedfishFaults if one.bmc_protocol is BmcProtocol.REDFISH else BmcFaults
    return pace, FirmwareFaults(**one.faults), faults(**told)


def _planned(entry: Mapping[str, Any]) -> MachinePlan:
    told = dict(entry)
    for name in ("macs", "tags", "cipher_suites"):
        if name in told:
            told[name] = tuple(told[name])
    told["arch"], told["boot_mode"] = Arch(told.get("arch", "x86_64")), BootMode(told.get("boot_mode", "uefi"))
    told["bmc_protocol"] = BmcProtocol(told.get("bmc_protocol", "ipmi"))
    planned = MachinePlan(**told)
    _tuning(planned)  # a misspelt fault is told now, not when the machine is put up
    return planned


def _plain(value: object) -> object:
    if isinstance(value, (tuple, list)):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else str(value) if isinstance(value, StrEnum) else value
