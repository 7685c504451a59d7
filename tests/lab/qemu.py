"""A machine in QEMU: real firmware, a NIC on a tap, a disk, a serial console that is kept.

What is here only describes it. Its BMC starts and stops it (`chassis.py`).
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bmprov.model import BootMode
from tests import debian

_OVMF, _AAVMF = "/usr/share/OVMF/OVMF_{}_4M{}.fd", "/usr/share/AAVMF/AAVMF_{}{}.fd"
_MEMORY_MIB = 512
_NO_PXE = "name=opt/org.tianocore/IPv{}PXESupport,string=n"  # OvmfPkg/README, "Network Support"


class Firmware(StrEnum):
    """A firmware and the network boot that it has."""

    BIOS = "bios"  # SeaBIOS with iPXE in the NIC's ROM
    UEFI_IPXE = "uefi-ipxe"  # OVMF with iPXE in the NIC's ROM
    UEFI = "uefi"  # OVMF with its own PXE client
    SECURE_BOOT = "secure-boot"  # the same with Secure Boot and Microsoft's keys
    UEFI_HTTP = "uefi-http"  # OVMF with its own client of UEFI HTTP boot
    SECURE_ARM64 = (
        "secure-arm64"  # AAVMF, OVMF's sister for arm64, with its own PXE client, Secure Boot, and the same keys
    )

    @property
    def boot_mode(self) -> BootMode:
        """As it is enrolled."""
        return BootMode.BIOS if self is Firmware.BIOS else BootMode.UEFI

    @property
    def is_secure(self) -> bool:
        """Whether it runs signed loaders only."""
        return self in (Firmware.SECURE_BOOT, Firmware.SECURE_ARM64)

    @property
    def has_rom(self) -> bool:
        """Whether the NIC's ROM boots from the network, and not the firmware."""
        return self in (Firmware.BIOS, Firmware.UEFI_IPXE)


@dataclass(frozen=True)
class Hardware:
    """A machine's folder, firmware, NICs and disks.

    `cables` are NICs by the tap that they are plugged into, the one that network-boots first; `disks_mib` are sizes.
    `network_first` is the order of its firmware without an override. `is_server` gives it an Intel NIC and NVMe disks,
    not virtual ones. `wired`: somebody listens at its serial port (`port`), not only a file.
    """

    folder: Path
    firmware: Firmware
    cables: Mapping[str, str]
    network_first: bool = False
    disks_mib: Sequence[int] = (64,)
    is_server: bool = False
    wired: bool = True

    @property
    def macs(self) -> list[str]:
        """Its NICs."""
        return list(self.cables.values())

    @property
    def disk(self) -> Path:
        """Its first disk, which is empty unless something is there when it is installed."""
        return self.disks[0]

    @property
    def disks(self) -> list[Path]:
        """Its disks; the file's name is the serial number."""
        return [self.folder / f"disk{number}" for number in range(1, len(self.disks_mib) + 1)]

    @property
    def serial(self) -> Path:
        """What it has said on its console."""
        return self.folder / "serial.log"

    @property
    def cd(self) -> Path:
        """What its BMC has fetched for its virtual CD drive."""
        return self.folder / "cd.iso"

    @property
    def port(self) -> Path:
        """Its serial port, a socket that it connects to."""
        return self.folder / "port"

    def install(self) -> None:
        """Put everything that its BMC needs to start it into its folder."""
        if self.firmware is not Firmware.BIOS:
            shutil.copy(self._flash("VARS"), self.folder / "firmware.vars")
        for disk, mib in zip(self.disks, self.disks_mib, strict=True):
            with disk.open("ab") as empty:
                empty.truncate(max(mib * 2**20, disk.stat().st_size))
        orders = {"network": self._command(1, 2), "disk": self._command(2, 1)}
        orders["cd"] = [*orders["disk"], *self._cd_drive()]
        described = {"commands": orders, "own order": "network" if self.network_first else "disk"}
        (self.folder / "machine.json").write_text(json.dumps(described))

    def _command(self, nic_place: int, disk_place: int) -> list[str]:
        debian.file("/usr/lib/ipxe/qemu", "ipxe-qemu")
        return [
            self._program(),
            *("-accel", "tcg,thread=multi", "-m", str(_MEMORY_MIB)),
            *("-nodefaults", "-display", "none", "-no-reboot"),
            *self._board(),
            *(word for place, tap in enumerate(self.cables) for word in self._nic(tap, nic_place + 10 * place)),
            *(word for place, disk in enumerate(self.disks) for word in self._disk(disk, disk_place + 10 * place)),
            *("-chardev", f"{self._line()},id=serial,logfile={self.serial},logappend=on"),
            *("-serial", "chardev:serial"),
            *("-qmp", f"unix:{self.folder}/qmp,server=on,wait=off"),
            *("-qmp", f"unix:{self.folder}/button,server=on,wait=off"),
        ]

    def _program(self) -> str:
        if self.firmware is Firmware.SECURE_ARM64:
            return debian.program("qemu-system-aarch64", "qemu-system-arm")
        return debian.program("qemu-system-x86_64", "qemu-system-x86")

    def _line(self) -> str:
        return f"socket,path={self.port},reconnect=1" if self.wired else "null"

    def _nic(self, tap: str, place: int) -> Sequence[str]:
        rom = "" if self.firmware.has_rom else ",romfile="
        model = "e1000e" if self.is_server else "virtio-net-pci"
        card = f"{model},netdev={tap},mac={self.cables[tap]},bootindex={place}{rom}"
        return ["-netdev", f"tap,id={tap},ifname={tap},script=no,downscript=no", "-device", card]

    def _disk(self, disk: Path, place: int) -> Sequence[str]:
        model = "nvme" if self.is_server else "virtio-blk-pci"
        drive = f"if=none,id={disk.name},file={disk},format=raw,cache=unsafe"
        return ["-drive", drive, "-device", f"{model},drive={disk.name},serial={disk.name},bootindex={place}"]

    def _cd_drive(self) -> Sequence[str]:
        drive = f"if=none,id=cd,file={self.cd},format=raw,media=cdrom,readonly=on"
        return ["-drive", drive, "-device", "ide-cd,drive=cd,bootindex=0"]

    def _board(self) -> Sequence[str]:
        if self.firmware is Firmware.BIOS:
            return ["-machine", "pc,graphics=off"]  # then SeaBIOS and its ROMs talk on the serial port
        flash = "if=pflash,format=raw,unit="
        code = f"{flash}0,readonly=on,file={self._flash('CODE')}"
        drives = ["-drive", code, "-drive", f"{flash}1,file={self.folder}/firmware.vars"]
        if self.firmware is Firmware.UEFI_HTTP:
            drives += [word for family in (4, 6) for word in ("-fw_cfg", _NO_PXE.format(family))]
        if self.firmware is Firmware.SECURE_ARM64:
            return ["-machine", "virt", "-cpu", "cortex-a57", *drives]
        if not self.firmware.is_secure:
            return ["-machine", "q35", *drives]
        return ["-machine", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on", *drives]

    def _flash(self, part: str) -> Path:
        keys = ".ms" if self.firmware.is_secure else ""
        if self.firmware is Firmware.SECURE_ARM64:
            return debian.file(_AAVMF.format(part, keys), "qemu-efi-aarch64")
        return debian.file(_OVMF.format(part, keys), "ovmf")
