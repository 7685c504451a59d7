"""Machines: how they are enrolled and how they are shown. A BMC's user and password come in and never go out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from bmprov.api.shapes.base import Label, Line, Reply, Request, Trust, moment, moment_or_none
from bmprov.api.shapes.nic import NicOut, NicsIn
from bmprov.api.shapes.operation import OperationOut
from bmprov.api.shapes.page import PageOut
from bmprov.cabling import NicCabling
from bmprov.errors import Invalid
from bmprov.lifecycle import State
from bmprov.model import Arch, BackEnd, Bmc, BootFrom, BootMode, Machine, Operation
from bmprov.orders import NOTES_CHARS, NewMachine
from bmprov.place import UNITS, Place, check_units
from bmprov.power import BmcLogin, Power, PowerAction

BMC_SCHEMES = ("ipmi", "redfish", "redfish+http", "fake")
"""`ipmi://host:port` is IPMI 2.0 over LAN, `redfish://host:port` Redfish over TLS, `redfish+http://` without (for a
simulator or a tunnel); `fake://anything` is a machine that takes no time, for measurements."""


def _bmc_address(text: str) -> str:
    """The address as it is stored; the text of an error never repeats it, for it may hold a password by mistake."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("a BMC's address is a URL such as ipmi://10.1.0.7:623") from None
    if parts.scheme == "maas":
        raise ValueError("machines of a MAAS region come by themselves, once `bmprov maas add` has entered the region")
    path = parts.path.rstrip("/") if parts.scheme.startswith("redfish") else parts.path.removesuffix("/")
    alone = not path or (parts.scheme.startswith("redfish") and path.startswith("/redfish/v1/Systems/"))
    if parts.scheme not in BMC_SCHEMES or not host or not alone or parts.query or parts.fragment:
        raise ValueError(f"a BMC's address is a URL such as ipmi://10.1.0.7:623; schemes: {', '.join(BMC_SCHEMES)}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a BMC's user and password stand in fields of their own, not in its address")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "") + path


class BmcIn(Request):
    """Where a machine's BMC is, and how to log in to it."""

    address: Annotated[Line, AfterValidator(_bmc_address)] = Field(examples=["ipmi://10.1.0.7:623"])
    user: Line = ""
    password: SecretStr = Field(SecretStr(""), max_length=255, json_schema_extra={"writeOnly": True})
    cipher_suites: list[Annotated[int, Field(ge=0, le=255)]] = Field(
        [], max_length=16, description="IPMI cipher suites in the order in which they are offered; empty: the driver's"
    )
    trust: Trust = Field(
        "", description="Redfish: the certificate's SHA-256 fingerprint, or a CA file on the workers; empty: their CAs"
    )

    privilege: Literal["", "administrator", "operator"] = Field(
        "", description="the IPMI level to log in with; empty: administrator, and operator where that is refused"
    )

    def to_login(self) -> BmcLogin:
        """The BMC as it is ordered."""
        suites, password = tuple(self.cipher_suites), self.password.get_secret_value()
        return BmcLogin(self.address, self.user, password, suites, self.trust, self.privilege)


class BmcsIn(Request):
    """A machine's BMCs."""

    bmc: BmcIn
    second_bmc: BmcIn | None = Field(None, description="asked when the first does not answer")

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.second_bmc and self.second_bmc.address == self.bmc.address:
            raise ValueError("the second BMC is the first one again")
        return self


_CONVERTED = ("bmc", "second_bmc", "nics", "tags")


class ConsoleOut(Reply):
    """Where a machine's console is."""

    url: str = Field(description="for one browser, once, within a minute; unless it is the BMC's own")
    graphical: bool = Field(description="whether it is the BMC's own page, because it has no serial console")


class FirmwareOrder(Request):
    """How a machine boots."""

    boot_mode: BootMode = BootMode.UEFI
    secure_boot: bool = Field(
        False, description="whether it only runs signed loaders; true does no harm where it is off"
    )
    boot_from: BootFrom = Field(
        BootFrom.NETWORK, description="where the deploy ramdisk comes from; virtual media need a Redfish BMC"
    )

    @model_validator(mode="after")
    def _bios_checks_nothing(self) -> Self:
        if self.secure_boot and self.boot_mode is BootMode.BIOS:
            raise ValueError("Secure Boot is a thing of UEFI: with boot_mode bios secure_boot is false")
        return self


class PlaceOrder(Request):
    """Where a machine stands."""

    zone: Line = ""
    pod: Line = ""
    rack: Line = ""
    rack_position: int | None = Field(None, ge=1, le=UNITS, description="the lowest rack unit that it fills")
    height_u: int = Field(1, ge=1, le=UNITS, description="how many rack units it fills")

    @model_validator(mode="after")
    def _in_a_rack(self) -> Self:
        try:
            check_units(self.rack, self.rack_position, self.height_u)
        except Invalid as error:
            raise ValueError(str(error)) from None
        return self

    def to_place(self) -> Place:
        """The place as it is ordered."""
        return Place(self.zone, self.pod, self.rack, self.rack_position, self.height_u)


class MachineIn(PlaceOrder, FirmwareOrder, NicsIn, BmcsIn):
    """A machine to enrol."""

    name: Label
    arch: Arch = Arch.X86_64
    cpus: int = Field(0, ge=0, le=65_536)
    memory_mib: int = Field(0, ge=0, le=2**40)
    disk_gib: int = Field(0, ge=0, le=2**40)
    tags: list[Label] = Field([], max_length=64)
    site: Label = "default"

    def to_order(self) -> NewMachine:
        """The machine as it is ordered."""
        cables = (nic.cable for nic in self.nics if nic.cable)
        same = {name: getattr(self, name) for name in MachineIn.model_fields if name not in _CONVERTED}
        return NewMachine(
            bmc=self.bmc.to_login(),
            second_bmc=self.second_bmc.to_login() if self.second_bmc else None,
            nics=self.to_nics(),
            cables=tuple(cables),
            tags=tuple(self.tags),
            **same,
        )


class PowerOrder(Request):
    """What to do with a machine's power."""

    action: PowerAction


class MaintenanceOrder(Request):
    """Why nobody may use a machine; an empty reason ends its maintenance."""

    reason: Line


class NotesOrder(Request):
    """What people have to tell of a machine; it takes the place of what they told before."""

    notes: str = Field(max_length=NOTES_CHARS, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")


class NetworkOrder(Request):
    """Whether to set a machine's switch ports, or only to tell the commands that would."""

    dry_run: bool = False


class BmcOut(Reply):
    """Where a machine's BMC is."""

    address: str
    cipher_suites: list[int]
    trust: str
    privilege: str

    @classmethod
    def of(cls, bmc: Bmc) -> Self:
        """A BMC, without what logs in to it."""
        suites = list(bmc.cipher_suites)
        return cls(address=bmc.address, cipher_suites=suites, trust=bmc.trust, privilege=bmc.privilege)


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
    notes: str
    power: ReadingOut
    bmc: BmcOut
    second_bmc: BmcOut | None
    nics: list[NicOut]
    arch: Arch
    boot_mode: BootMode
    secure_boot: bool
    boot_from: BootFrom
    cpus: int
    memory_mib: int
    disk_gib: int
    tags: list[str]
    site: str
    zone: str
    pod: str
    rack: str
    rack_position: int | None
    height_u: int
    back_end: BackEnd
    instance: str | None
    reserved_until: datetime | None
    operation: OperationOut | None
    created_at: datetime

    @classmethod
    def of(cls, machine: Machine, operation: Operation | None, cabling: Mapping[str, NicCabling] | None = None) -> Self:
        """A machine, what is being done to it, and what is known of its cables, by MAC."""
        reading = machine.reading
        return cls(
            id=machine.id,
            name=machine.name,
            state=machine.state,
            fault=machine.fault or None,
            maintenance=machine.maintenance or None,
            maintenance_by=machine.maintenance_by or None,
            notes=machine.notes,
            power=ReadingOut(power=reading.power, read_at=moment_or_none(reading.read_at), error=reading.error or None),
            bmc=BmcOut.of(machine.bmc),
            second_bmc=BmcOut.of(machine.second_bmc) if machine.second_bmc else None,
            nics=[NicOut.of(nic, cabling) for nic in machine.nics],
            arch=machine.arch,
            boot_mode=machine.boot_mode,
            secure_boot=machine.secure_boot,
            boot_from=machine.boot_from,
            cpus=machine.cpus,
            memory_mib=machine.memory_mib,
            disk_gib=machine.disk_gib,
            tags=list(machine.tags),
            site=machine.site,
            zone=machine.zone,
            pod=machine.pod,
            rack=machine.rack,
            rack_position=machine.rack_position,
            height_u=machine.height_u,
            back_end=machine.back_end,
            instance=machine.instance_id,
            reserved_until=moment_or_none(machine.reserved_until),
            operation=OperationOut.of(operation) if operation else None,
            created_at=moment(machine.created_at),
        )


class MachineList(PageOut):
    """Machines by name."""

    machines: list[MachineOut]


class Enrolled(Reply):
    """A machine that was entered, and the operation that inspects it."""

    machine: MachineOut
    operation: OperationOut
