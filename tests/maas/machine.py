"""A machine of the region: what MAAS knows of it, its NICs, and the BMC that knows better."""

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.maas.bmc import Bmc, Power
from tests.maas.network import Subnet, Vlan
from tests.maas.status import NodeStatus


@dataclass(frozen=True)
class Place:
    """A zone or a resource pool."""

    id: int
    name: str
    description: str = ""


@dataclass(frozen=True)
class Link:
    """A subnet on a NIC. An `auto` link has an address only while the machine is deployed."""

    id: int
    mode: str
    subnet: Subnet | None = None
    address: str | None = None


@dataclass(frozen=True)
class Nic:
    """A physical NIC, or a VLAN interface, whose `parent` is the number of the one that it is on."""

    id: int
    name: str
    mac: str
    vlan: Vlan | None
    links: tuple[Link, ...] = ()
    tags: tuple[str, ...] = ()
    speed_mbit: int = 10_000
    parent: int | None = None


@dataclass(frozen=True)
class Failure:
    """How a deployment fails: after which part of it, and what the installer's log and MAAS say."""

    output: str = "curtin: Installation failed with exception: Unexpected error while running command.\nExit code: 3\n"
    event: str = "curtin command install"
    comment: str = "Installation failed (refer to the installation log for more information)."
    at: float = 0.5


@dataclass(frozen=True)
class ScriptResult:
    """One run of one script; `output` is what it wrote."""

    id: int
    set_id: int
    kind: int
    name: str
    status: int
    output: str
    started: datetime
    ended: datetime | None = None
    exit_status: int | None = None


@dataclass(eq=False)
class Machine:
    """One machine. It is told anew when something was assigned to it, so all values in it are immutable."""

    system_id: str
    number: int
    hostname: str
    nics: tuple[Nic, ...]
    zone: Place
    pool: Place
    boot_index: int = 0
    """Which of its NICs it boots from."""
    architecture: str = "amd64/generic"
    cpu_count: int = 8
    memory_mib: int = 16384
    storage_bytes: int = 500_000_000_000
    tags: frozenset[str] = frozenset()
    hardware: tuple[tuple[str, str], ...] = ()
    """What commissioning found, by MAAS's names; all else is "Unknown"."""
    status: NodeStatus = NodeStatus.READY
    previous_status: NodeStatus = NodeStatus.NEW
    owner: str | None = None
    agent_name: str = ""
    description: str = ""
    error_description: str = ""
    locked: bool = False
    gateway_link: int | None = None
    """The link whose subnet's gateway it uses, if that was said."""
    netboot: bool = True
    osystem: str = ""
    distro_series: str = ""
    hwe_kernel: str | None = None
    user_data: str | None = None
    """As it was sent, in base64."""
    power: Power = Power.OFF
    """As MAAS last read it."""
    power_read: float = field(default_factory=time.monotonic)
    status_message: str | None = None
    installation: ScriptResult | None = None
    bmc: Bmc = field(default_factory=Bmc)
    failure: Failure | None = None
    """How its deployments fail, if they do."""
    deploys_for_ever: bool = False
    version: int = 0
    """Of what is told of it: one more with every change."""
    encoded: tuple[int, bytes] | None = None
    """What was told last, and the version that it is of."""

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - any attribute
        object.__setattr__(self, name, value)
        if name not in {"encoded", "version"}:
            object.__setattr__(self, "version", self.version + 1)

    @property
    def boot_nic(self) -> Nic:
        return self.nics[self.boot_index]

    def put(self, changed: Nic) -> None:
        """Replace the NIC with the same number; VLAN interfaces have the MAC of theirs."""
        same_mac = (replace(nic, mac=changed.mac) if nic.parent == changed.id else nic for nic in self.nics)
        self.nics = tuple(changed if nic.id == changed.id else nic for nic in same_mac)

    def drop(self, gone: Nic) -> None:
        """Remove a NIC, and the VLAN interfaces on it. What booted from it boots from the first."""
        boot = self.boot_nic
        self.nics = tuple(nic for nic in self.nics if gone.id not in {nic.id, nic.parent})
        self.boot_index = self.nics.index(boot) if boot in self.nics else 0

    def addresses(self) -> set[str]:
        return {link.address for nic in self.nics for link in nic.links if link.address}

    def become(self, status: NodeStatus) -> None:
        if status is not self.status:
            self.previous_status, self.status = self.status, status


def now() -> datetime:
    return datetime.now(UTC)
