"""What the ramdisk tells: its calls, checked and bounded, and what each changes in the operation's report."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bmprov.cabling import Neighbour
from bmprov.model import Nic, Report

_LOG_LIMIT = 65536


def _readable(text: str) -> str:
    """Without control characters: it ends in an operator's terminal, which would obey them."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")


Readable = Annotated[str, AfterValidator(_readable)]
Name = Annotated[str, Field(max_length=200), AfterValidator(_readable)]


class Told(BaseModel):
    """Base of all calls. What a newer ramdisk says beyond this is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class DiskTold(Told):
    """A disk that the ramdisk has found."""

    name: Name
    size_bytes: int = Field(ge=0)
    model: Name = ""
    serial: Name = ""
    wwn: Name = ""
    rotational: bool | None = None


class DmiTold(Told):
    """What the firmware calls the machine (SMBIOS, DSP0134)."""

    sys_vendor: Name = ""
    product_name: Name = ""
    product_serial: Name = ""


class LldpTold(Told):
    """What a NIC's neighbour says of itself (IEEE 802.1AB): the switch, its port, and the port's description."""

    system: Name = ""
    chassis: Name = ""
    port: Name = ""
    description: Name = ""


class NicTold(Told):
    """A NIC that the ramdisk has found."""

    mac: str = Field(pattern="^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")
    name: Name = ""
    link: bool | None = None
    lldp: LldpTold | None = None


class BmcTold(Told):
    """The BMC as the machine sees it from inside."""

    address: Name = ""
    mac: Name = ""


class Inventory(Told):
    """`POST /ramdisk/v1/inventory`: the first call."""

    version: int = Field(default=1, ge=1)
    cpus: int = Field(ge=0)
    memory_mib: int = Field(ge=0)
    disks: list[DiskTold] = Field(default_factory=list, max_length=256)
    nics: list[NicTold] = Field(default_factory=list, max_length=64)
    bmc: BmcTold | None = None
    dmi: DmiTold | None = None

    def change(self, report: Report) -> Report:
        """The ramdisk is running."""
        inventory: dict[str, Any] = self.model_dump(mode="json")
        return replace(report, booted=True, inventory=inventory)

    def neighbours(self, nics: Iterable[Nic]) -> list[Neighbour]:
        """What was heard on the cables of these NICs; of others a machine has nothing to say."""
        own = {nic.mac for nic in nics}
        heard = {nic.mac: nic.lldp.model_dump() for nic in self.nics if nic.mac in own and nic.lldp}
        return [Neighbour(mac, **told) for mac, told in heard.items() if any(told.values())]


class Progress(Told):
    """`POST /ramdisk/v1/progress`: bytes of the raw image on the disk so far."""

    done_bytes: int = Field(ge=0, lt=2**63)
    total_bytes: int = Field(ge=0, lt=2**63)


class Written(Told):
    """`POST /ramdisk/v1/done`: the image is on the disk; the tree's digest of what was written."""

    raw_tree_sha512: str = Field(pattern="^[0-9a-f]{128}$")

    def change(self, report: Report) -> Report:
        """The image is written; a ramdisk that has given up before does not come back from it."""
        return report if report.failure else replace(report, booted=True, written=True)


class Failed(Told):
    """`POST /ramdisk/v1/failed`: the ramdisk has given up. The end of its log is kept."""

    why: Readable = Field(min_length=1, max_length=500)
    log: Readable = ""
    hardware: bool = False

    def change(self, report: Report) -> Report:
        """The ramdisk has given up; the first reason stands."""
        if report.failure:
            return report
        log = self.log[-_LOG_LIMIT:]
        return replace(report, booted=True, failure=self.why, hardware=self.hardware, log=log)
