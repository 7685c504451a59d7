"""A MAAS region's machines and networks, as we speak of them: records, the statuses of MAAS and what they mean for us.

The statuses are `NodeStatus` of MAAS 3.7 (src/maascommon/enums/node.py, earlier maasserver/enum.py); their words are
those that MAAS shows. Nothing here speaks to a region: `worker.maas` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from bmprov.model import Arch
from bmprov.power import Power

_SCHEME = "maas://"


class NodeStatus(IntEnum):
    """The status of a machine, by MAAS's numbers."""

    NEW = 0
    COMMISSIONING = 1
    FAILED_COMMISSIONING = 2
    MISSING = 3
    READY = 4
    RESERVED = 5
    DEPLOYED = 6
    RETIRED = 7
    BROKEN = 8
    DEPLOYING = 9
    ALLOCATED = 10
    FAILED_DEPLOYMENT = 11
    RELEASING = 12
    FAILED_RELEASING = 13
    DISK_ERASING = 14
    FAILED_DISK_ERASING = 15
    RESCUE_MODE = 16
    ENTERING_RESCUE_MODE = 17
    FAILED_ENTERING_RESCUE_MODE = 18
    EXITING_RESCUE_MODE = 19
    FAILED_EXITING_RESCUE_MODE = 20
    TESTING = 21
    FAILED_TESTING = 22


class Standing(StrEnum):
    """What a status means for us.

    `FREE` machines can be allocated; `ALLOCATED` ones are somebody's and nothing runs on them yet; `RETURNING` ones are
    free by and by; `FAILED_RETURN` ones must be released anew; `UNUSABLE` ones are MAAS's operator's to look at.
    """

    FREE = "free"
    ALLOCATED = "allocated"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    FAILED_DEPLOYMENT = "failed-deployment"
    RETURNING = "returning"
    FAILED_RETURN = "failed-return"
    RESCUE = "rescue"
    UNUSABLE = "unusable"


STANDINGS: Mapping[NodeStatus, Standing] = {
    NodeStatus.NEW: Standing.UNUSABLE,
    NodeStatus.COMMISSIONING: Standing.UNUSABLE,
    NodeStatus.FAILED_COMMISSIONING: Standing.UNUSABLE,
    NodeStatus.MISSING: Standing.UNUSABLE,
    NodeStatus.READY: Standing.FREE,
    NodeStatus.RESERVED: Standing.ALLOCATED,
    NodeStatus.DEPLOYED: Standing.DEPLOYED,
    NodeStatus.RETIRED: Standing.UNUSABLE,
    NodeStatus.BROKEN: Standing.UNUSABLE,
    NodeStatus.DEPLOYING: Standing.DEPLOYING,
    NodeStatus.ALLOCATED: Standing.ALLOCATED,
    NodeStatus.FAILED_DEPLOYMENT: Standing.FAILED_DEPLOYMENT,
    NodeStatus.RELEASING: Standing.RETURNING,
    NodeStatus.FAILED_RELEASING: Standing.FAILED_RETURN,
    NodeStatus.DISK_ERASING: Standing.RETURNING,
    NodeStatus.FAILED_DISK_ERASING: Standing.FAILED_RETURN,
    NodeStatus.RESCUE_MODE: Standing.RESCUE,
    NodeStatus.ENTERING_RESCUE_MODE: Standing.RESCUE,
    NodeStatus.FAILED_ENTERING_RESCUE_MODE: Standing.RESCUE,
    NodeStatus.EXITING_RESCUE_MODE: Standing.RESCUE,
    NodeStatus.FAILED_EXITING_RESCUE_MODE: Standing.RESCUE,
    NodeStatus.TESTING: Standing.UNUSABLE,
    NodeStatus.FAILED_TESTING: Standing.UNUSABLE,
}

_WORDS: Mapping[NodeStatus, str] = {
    NodeStatus.FAILED_RELEASING: "Releasing failed",
    NodeStatus.FAILED_ENTERING_RESCUE_MODE: "Failed to enter rescue mode",
    NodeStatus.FAILED_EXITING_RESCUE_MODE: "Failed to exit rescue mode",
}


def status_words(status: NodeStatus) -> str:
    """The status as MAAS shows it, such as "Failed deployment"."""
    return _WORDS.get(status) or status.name.replace("_", " ").capitalize()


def address_of(region: str, system_id: str) -> str:
    """The BMC address under which a region's machine is kept: `maas://REGION/SYSTEM_ID`."""
    return f"{_SCHEME}{region}/{system_id}"


def place_of(address: str) -> tuple[str, str] | None:
    """The region and the system ID in a BMC address; None when it is none of a MAAS machine."""
    region, _, system_id = address.removeprefix(_SCHEME).partition("/")
    whole = address.startswith(_SCHEME) and region and system_id and "/" not in system_id
    return (region, system_id) if whole else None


class LinkMode(StrEnum):
    """How a NIC gets its address on a subnet: from MAAS when it deploys, by DHCP, one that is told, or none."""

    AUTO = "auto"
    DHCP = "dhcp"
    STATIC = "static"
    LINK_UP = "link_up"


@dataclass(frozen=True)
class MaasLink:
    """A subnet on a NIC. `mode` is as `LinkMode` has it, or what a newer MAAS says; texts are empty if not told."""

    id: int
    mode: str
    ip_address: str = ""
    subnet_id: int | None = None
    cidr: str = ""


@dataclass(frozen=True)
class MaasNic:
    """A physical NIC, and the VLAN that it is on (its number in MAAS, its VID); `mac` is lower case with colons."""

    id: int
    name: str
    mac: str
    vlan_id: int | None = None
    vid: int | None = None
    fabric: str = ""
    fabric_id: int | None = None
    tags: tuple[str, ...] = ()
    links: tuple[MaasLink, ...] = ()


@dataclass(frozen=True)
class MaasVlanNic:
    """A tagged VLAN on a NIC, such as `eth0.1577`; `parent` is that NIC's name."""

    id: int
    name: str
    parent: str
    vlan_id: int | None = None
    vid: int | None = None
    tags: tuple[str, ...] = ()
    links: tuple[MaasLink, ...] = ()


@dataclass(frozen=True)
class MaasMachine:
    """A machine as a region tells it.

    `power` is up to five minutes old. `nics` has the boot interface first, then the others in MAAS's order. `arch` is
    None for one that we do not know, `disk_gib` is of the boot disk. `status_message` is the newest event in words,
    `error_description` is why it failed or is broken.
    """

    system_id: str
    hostname: str
    status: NodeStatus
    power: Power = Power.UNKNOWN
    owner: str = ""
    arch: Arch | None = None
    cpus: int = 0
    memory_mib: int = 0
    disk_gib: int = 0
    tags: tuple[str, ...] = ()
    zone: str = ""
    pool: str = ""
    nics: tuple[MaasNic, ...] = ()
    vlan_nics: tuple[MaasVlanNic, ...] = ()
    locked: bool = False
    status_message: str = ""
    error_description: str = ""
    osystem: str = ""
    distro_series: str = ""
    hardware: Mapping[str, str] = field(default_factory=dict)

    @property
    def standing(self) -> Standing:
        """What its status means for us."""
        return STANDINGS[self.status]


@dataclass(frozen=True)
class MaasVlan:
    """A VLAN of a fabric. `id` is its number in MAAS, which NICs and subnets name; `vid` is what switches know."""

    id: int
    vid: int
    fabric_id: int
    fabric: str
    name: str = ""
    dhcp_on: bool = False


@dataclass(frozen=True)
class MaasFabric:
    """What VLANs with the same VID are told apart by."""

    id: int
    name: str
    vlans: tuple[MaasVlan, ...] = ()


@dataclass(frozen=True)
class MaasSubnet:
    """A subnet of a VLAN. `managed` says that MAAS gives addresses in it."""

    id: int
    name: str
    cidr: str
    vlan: MaasVlan
    gateway: str = ""
    dns_servers: tuple[str, ...] = ()
    managed: bool = True


@dataclass(frozen=True)
class MaasEvent:
    """What happened to a machine. `at` is None when MAAS's date is not understood."""

    at: float | None
    level: str
    text: str


@dataclass(frozen=True)
class MaasUser:
    """Whose key it is."""

    name: str
    is_admin: bool
