"""What the project talks about: frozen records, without behaviour that needs I/O.

Times are seconds since the epoch (UTC), sizes carry their unit in their name, identifiers are lower-case UUID text.
Long, because these are the rows of one database, which refer to one another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bmprov.lifecycle import Kind, State
from bmprov.place import Place
from bmprov.power import Power, PowerAction


class BackEnd(StrEnum):
    """How a machine is deployed: by our own network boot, through a MAAS, or not at all (to measure the rest)."""

    DIRECT = "direct"
    MAAS = "maas"
    FAKE = "fake"


class Erase(StrEnum):
    """What MAAS does to a machine's disks when it is released: nothing, their beginning and end, or all of them."""

    NONE = "none"
    QUICK = "quick"
    SECURE = "secure"


class Arch(StrEnum):
    """Processor architectures, in the spelling of CloudStack and of the kernel."""

    X86_64 = "x86_64"
    AARCH64 = "aarch64"


class BootMode(StrEnum):
    """The firmware's way to boot."""

    BIOS = "bios"
    UEFI = "uefi"


class BootFrom(StrEnum):
    """Where a machine gets the deploy ramdisk from: the network, or a CD that its BMC shows it (no DHCP, no TFTP)."""

    NETWORK = "network"
    VIRTUAL_MEDIA = "virtual-media"


class BondMode(StrEnum):
    """How a bond's members share the traffic: by link aggregation with the switch (IEEE 802.1AX), or one at a time."""

    LACP = "lacp"
    ACTIVE_BACKUP = "active-backup"


class Role(StrEnum):
    """What a token may do. `CLOUD` is an extension's: it sees the instances of its own cloud only."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    CLOUD = "cloud"


class OperationState(StrEnum):
    """Where an operation stands. The last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({OperationState.SUCCEEDED, OperationState.FAILED, OperationState.CANCELLED})


class Urgency(StrEnum):
    """Which of a site's queues an operation goes to. Workers empty them in this order."""

    POWER = "power"
    DEPLOY = "deploy"


URGENCY: Mapping[Kind, Urgency] = {
    Kind.POWER: Urgency.POWER,
    Kind.BMC: Urgency.POWER,
    Kind.RESERVE: Urgency.POWER,
    Kind.RELEASE: Urgency.POWER,
    Kind.DEPLOY: Urgency.DEPLOY,
    Kind.INSPECT: Urgency.DEPLOY,
}


@dataclass(frozen=True)
class Nic:
    """A network port of a machine. `tag` lets an instance's NIC choose it; `netboot` marks the one that boots.

    `home_vlan` is MAAS's number of the VLAN that it is on while nobody has the machine; None for machines not of MAAS.
    `bond` is the name of the bond that it is cabled to be a member of, such as `bond0`; empty for none.
    """

    mac: str
    position: int
    tag: str = ""
    netboot: bool = False
    home_vlan: int | None = None
    bond: str = ""
    bond_mode: BondMode | None = None


@dataclass(frozen=True)
class Bmc:
    """Where a machine's BMC is. `sealed_password` is ciphertext of `bmprov.vault`; the rest is as `BmcLogin` has it."""

    address: str
    user: str
    sealed_password: bytes = field(repr=False)
    cipher_suites: tuple[int, ...] = ()
    trust: str = ""
    privilege: str = ""


@dataclass(frozen=True)
class PowerReading:
    """What a BMC said last, and when. `error` is why the newest attempt to read failed."""

    power: Power = Power.UNKNOWN
    read_at: float | None = None
    error: str = ""


@dataclass(frozen=True)
class Machine:
    """A physical server. `secure_boot` says that its firmware only runs loaders that Microsoft has signed.

    It fills `height_u` units of its rack from `rack_position` upwards; None when nobody has told. `notes` are people's.
    `second_bmc` is the same BMC by another protocol, or another BMC: it is asked when `bmc` does not answer.
    """

    id: str
    name: str
    bmc: Bmc
    nics: tuple[Nic, ...]
    arch: Arch = Arch.X86_64
    boot_mode: BootMode = BootMode.UEFI
    secure_boot: bool = False
    boot_from: BootFrom = BootFrom.NETWORK
    cpus: int = 0
    memory_mib: int = 0
    disk_gib: int = 0
    tags: tuple[str, ...] = ()
    site: str = "default"
    zone: str = ""
    pod: str = ""
    rack: str = ""
    rack_position: int | None = None
    height_u: int = 1
    notes: str = ""
    back_end: BackEnd = BackEnd.DIRECT
    state: State = State.ENROLLED
    fault: str = ""
    maintenance: str = ""
    maintenance_by: str = ""
    reading: PowerReading = PowerReading()
    instance_id: str | None = None
    reserved_until: float | None = None
    created_at: float = 0.0
    version: int = 0
    second_bmc: Bmc | None = None

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.zone, self.pod, self.rack, self.rack_position, self.height_u)

    @property
    def netboot_nic(self) -> Nic | None:
        """The NIC that network-boots: the marked one, else the first."""
        return next((nic for nic in self.nics if nic.netboot), self.nics[0] if self.nics else None)


@dataclass(frozen=True)
class Region:
    """A MAAS whose machines are ours to give. `sealed_key` is ciphertext of `bmprov.vault`; `trust` is as `Bmc` has it.

    `cloud` is the CloudStack that alone may use its machines; empty: any may. `zone` is where its machines are; empty:
    MAAS's own zones say. `create_networks` lets us make VLANs and subnets that it lacks. `from_details` says that
    CloudStack's details brought it, and may change its key. `read_at` is when its machines were listed last, `error`
    why the newest attempt failed, `version` is MAAS's.
    """

    id: str
    name: str
    url: str
    sealed_key: bytes = field(repr=False)
    trust: str = ""
    site: str = "default"
    zone: str = ""
    cloud: str = ""
    erase: Erase = Erase.NONE
    create_networks: bool = False
    from_details: bool = False
    read_at: float | None = None
    error: str = ""
    version: str = ""
    created_at: float = 0.0


@dataclass(frozen=True)
class Instance:
    """A CloudStack instance that has, or is getting, a machine.

    `sealed_payload` is the payload of its last `prepare` or `create`: encrypted, for it holds user data and passwords.
    """

    id: str
    name: str
    cloud: str
    host: str
    machine_id: str
    sealed_payload: bytes = field(repr=False)
    image_id: str | None = None
    created_at: float = 0.0


@dataclass(frozen=True)
class Report:
    """What the ramdisk has told us during one operation. `hardware` says that its failure is the machine's fault.

    `unanswered` is why DHCP did not answer the machine, when that was not the machine's fault.
    """

    booted: bool = False
    written: bool = False
    failure: str = ""
    hardware: bool = False
    log: str = field(default="", repr=False)
    inventory: Mapping[str, Any] = field(default_factory=dict)
    unanswered: str = ""


@dataclass(frozen=True)
class Operation:
    """Something that is being done to a machine, as a list of named steps.

    `due_at` is when a worker should look next; `lease_*` says which worker is looking now; `signals` counts the
    calls of the ramdisk, so that one which arrives while a step runs is never slept through. `command` is the custom
    action (`bmprov.actions`) that it carries out, with its `parameters`; `answer` is what that has to tell, as JSON.
    `requested_by` is the person or token that asked us, `asked_by` the account that asked CloudStack.
    """

    id: str
    kind: Kind
    machine_id: str
    machine_name: str
    site: str
    requested_by: str
    asked_by: str = ""
    instance_id: str | None = None
    cloud: str = ""
    action: PowerAction | None = None
    state: OperationState = OperationState.QUEUED
    step: str | None = None
    attempt: int = 0
    waiting_for: str = ""
    wait_until: float | None = None
    due_at: float = 0.0
    lease_owner: str | None = None
    lease_until: float | None = None
    signals: int = 0
    report: Report = Report()
    netboot: bool = False
    boot_ip: str | None = None
    message: str = ""
    error: str = ""
    check: str = ""
    cancelled_by: str = ""
    created_at: float = 0.0
    command: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    answer: Any = None
    finished_at: float | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in FINAL

    @property
    def urgency(self) -> Urgency:
        """The queue that its jobs go to."""
        return URGENCY[self.kind]


NOTE = "note"
"""The outcome of what is no step, but was seen meanwhile and belongs into the timeline."""


@dataclass(frozen=True)
class StepRun:
    """One run of one step, as the timeline shows it. `outcome` is done, wait, retry, fail, or note: what was seen."""

    step: str
    attempt: int
    started_at: float
    ended_at: float
    outcome: str
    detail: str = ""


@dataclass(frozen=True)
class AuditEvent:
    """Who did what, when and from where."""

    id: int
    at: float
    actor: str
    origin: str
    what: str
    machine: str = ""
    instance_id: str = ""
    operation_id: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Image:
    """An entry of the catalogue. `sha256` is of the stored bytes and names them on disk.

    What the image tells of itself: `layout` is its kind of partition table (empty when that is not known), `boot_modes`
    are None when they are not known and empty when nothing boots, `remarks` are sentences for whoever adds it.
    """

    id: str
    name: str
    format: str
    sha256: str
    size_bytes: int
    raw_tree_sha512: str
    raw_size_bytes: int
    arch: Arch | None = None
    created_at: float = 0.0
    layout: str = ""
    boot_modes: tuple[BootMode, ...] | None = None
    min_disk_bytes: int = 0
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Token:
    """A caller's right to call. Only the SHA-256 of its secret is kept."""

    id: str
    name: str
    role: Role
    cloud: str
    sha256: str = field(repr=False)
    created_at: float = 0.0
    revoked_at: float | None = None


@dataclass(frozen=True)
class Person:
    """Somebody who signs in to the web page.

    `password_hash` is argon2's, empty for who signs in elsewhere: at `issuer`, which knows them as `subject`.
    """

    id: str
    name: str
    role: Role
    password_hash: str = field(default="", repr=False)
    issuer: str | None = None
    subject: str | None = None
    created_at: float = 0.0
    disabled_at: float | None = None


@dataclass(frozen=True)
class Session:
    """One browser in which a person is signed in. Only the SHA-256 of the secret in its cookie is kept.

    It ends at `expires_at` whatever happens, and sooner when it is not used; `origin` and `agent` are as at sign-in.
    """

    sha256: str = field(repr=False)
    person_id: str
    created_at: float
    seen_at: float
    expires_at: float
    origin: str = ""
    agent: str = ""


@dataclass(frozen=True)
class WallLink:
    """The right of a screen on a wall to show the pages. Only the SHA-256 of its secret is kept."""

    id: str
    name: str
    sha256: str = field(repr=False)
    created_by: str = ""
    created_at: float = 0.0
    seen_at: float | None = None
    revoked_at: float | None = None
