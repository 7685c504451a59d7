"""Machines: how they are enrolled and how they are shown. A BMC's user and password come in and never go out."""

import re
from datetime import datetime
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from bmprov.api.shapes.base import Label, Line, Reply, Request, moment, moment_or_none
from bmprov.api.shapes.operation import OperationOut
from bmprov.lifecycle import State
from bmprov.model import Arch, BackEnd, BootMode, Machine, Nic, Operation
from bmprov.orders import NewMachine
from bmprov.power import Power, PowerAction

BMC_SCHEMES = ("ipmi", "fake")
"""`ipmi://host:port` is IPMI 2.0 over LAN; `fake://anything` is a machine that takes no time, for measurements."""


def _mac(text: str) -> str:
    digits = re.sub(r"[:.-]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits):
        raise ValueError("a MAC has twelve hexadecimal digits, such as 52:54:00:12:34:56")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def _bmc_address(text: str) -> str:
    """The address as it is stored; the text of an error never repeats it, for it may hold a password by mistake."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("a BMC's address is a URL such as ipmi://10.1.0.7:623") from None
    if parts.scheme not in BMC_SCHEMES or not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"a BMC's address is a URL such as ipmi://10.1.0.7:623; schemes: {', '.join(BMC_SCHEMES)}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a BMC's user and password stand in fields of their own, not in its address")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


class BmcIn(Request):
    """Where a machine's BMC is, and how to log in to it."""

    address: Annotated[Line, AfterValidator(_bmc_address)] = Field(examples=["ipmi://10.1.0.7:623"])
    user: Line = ""
    password: SecretStr = Field(SecretStr(""), max_length=255, json_schema_extra={"writeOnly": True})
    cipher_suites: list[Annotated[int, Field(ge=0, le=255)]] = Field(
        [], max_length=16, description="IPMI cipher suites in the order in which they are offered; empty: the driver's"
    )


class NicIn(Request):
    """A network port; its position is its place in the list."""

    mac: Annotated[Line, AfterValidator(_mac)] = Field(examples=["52:54:00:12:34:56"])
    tag: Label | None = Field(None, description="what an instance's NIC may ask for")
    netboot: bool = Field(False, description="whether the machine boots from this one; else it boots from the first")


class FirmwareOrder(Request):
    """How a machine's firmware is set up."""

    boot_mode: BootMode = BootMode.UEFI
    secure_boot: bool = Field(
        False, description="whether it only runs signed loaders; true does no harm where it is off"
    )

    @model_validator(mode="after")
    def _bios_checks_nothing(self) -> Self:
        if self.secure_boot and self.boot_mode is BootMode.BIOS:
            raise ValueError("Secure Boot is a thing of UEFI: with boot_mode bios secure_boot is false")
        return self


class MachineIn(FirmwareOrder):
    """A machine to enrol."""

    name: Label
    bmc: BmcIn
    nics: list[NicIn] = Field([], max_length=64)
    arch: Arch = Arch.X86_64
    cpus: int = Field(0, ge=0, le=65_536)
    memory_mib: int = Field(0, ge=0, le=2**40)
    disk_gib: int = Field(0, ge=0, le=2**40)
    tags: list[Label] = Field([], max_length=64)
    site: Label = "default"
    zone: Line = ""
    pod: Line = ""
    rack: Line = ""

    def to_order(self) -> NewMachine:
        """The machine as it is ordered."""
        nics = (Nic(one.mac, place, one.tag or "", netboot=one.netboot) for place, one in enumerate(self.nics))
        same = {name: getattr(self, name) for name in MachineIn.model_fields if name not in ("bmc", "nics", "tags")}
        return NewMachine(
            bmc_address=self.bmc.address,
            bmc_user=self.bmc.user,
            bmc_password=self.bmc.password.get_secret_value(),
            bmc_cipher_suites=tuple(self.bmc.cipher_suites),
            nics=tuple(nics),
            tags=tuple(self.tags),
            **same,
        )


class PowerOrder(Request):
    """What to do with a machine's power."""

    action: PowerAction


class MaintenanceOrder(Request):
    """Why nobody may use a machine; an empty reason ends its maintenance."""

    reason: Line


class MachineFilter(Request):
    """Which machines to list."""

    site: Label | None = None
    state: State | None = None


class NicOut(Reply):
    """A network port."""

    mac: str
    position: int
    tag: str
    netboot: bool


class BmcOut(Reply):
    """Where a machine's BMC is."""

    address: str
    cipher_suites: list[int]


class ReadingOut(Reply):
    """What the BMC said last, and why the newest attempt to read it failed, if it did."""

    power: Power
    read_at: datetime | None
    error: str | None


class MachineOut(Reply):
    """A physical server. `instance` is the id of the instance that has it, `fault` says what is wrong in `error`."""

    id: str
    name: str
    state: State
    fault: str | None
    maintenance: str | None
    maintenance_by: str | None
    power: ReadingOut
    bmc: BmcOut
    nics: list[NicOut]
    arch: Arch
    boot_mode: BootMode
    secure_boot: bool
    cpus: int
    memory_mib: int
    disk_gib: int
    tags: list[str]
    site: str
    zone: str
    pod: str
    rack: str
    back_end: BackEnd
    instance: str | None
    reserved_until: datetime | None
    operation: OperationOut | None
    created_at: datetime

    @classmethod
    def of(cls, machine: Machine, operation: Operation | None) -> Self:
        """A machine, and what is being done to it."""
        reading = machine.reading
        return cls(
            id=machine.id,
            name=machine.name,
            state=machine.state,
            fault=machine.fault or None,
            maintenance=machine.maintenance or None,
            maintenance_by=machine.maintenance_by or None,
            power=ReadingOut(power=reading.power, read_at=moment_or_none(reading.read_at), error=reading.error or None),
            bmc=BmcOut(address=machine.bmc.address, cipher_suites=list(machine.bmc.cipher_suites)),
            nics=[NicOut(mac=nic.mac, position=nic.position, tag=nic.tag, netboot=nic.netboot) for nic in machine.nics],
            arch=machine.arch,
            boot_mode=machine.boot_mode,
            secure_boot=machine.secure_boot,
            cpus=machine.cpus,
            memory_mib=machine.memory_mib,
            disk_gib=machine.disk_gib,
            tags=list(machine.tags),
            site=machine.site,
            zone=machine.zone,
            pod=machine.pod,
            rack=machine.rack,
            back_end=machine.back_end,
            instance=machine.instance_id,
            reserved_until=moment_or_none(machine.reserved_until),
            operation=OperationOut.of(operation) if operation else None,
            created_at=moment(machine.created_at),
        )


class MachineList(Reply):
    """Machines by name."""

    machines: list[MachineOut]


class Enrolled(Reply):
    """A machine that was entered, and the operation that inspects it."""

    machine: MachineOut
    operation: OperationOut
