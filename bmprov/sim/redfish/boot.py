"""The Boot object of a system, kept in the flags that IPMI writes too (schema ComputerSystem).

`Once` is gone after the next boot, as in IPMI; a BMC then reads `Disabled`.
"""

from bmprov.model import BootMode
from bmprov.sim.chassis import BootFlags, BootSource
from bmprov.sim.redfish.message import Document
from bmprov.sim.redfish.resource import Schema, Writable

_TARGETS = {
    BootSource.NONE: "None",
    BootSource.NETWORK: "Pxe",
    BootSource.DISK: "Hdd",
    BootSource.DIAGNOSTICS: "Diags",
    BootSource.CD: "Cd",
    BootSource.SETUP: "BiosSetup",
}
_SOURCES = {name: source for source, name in _TARGETS.items()}
_MODES = {BootMode.UEFI: "UEFI", BootMode.BIOS: "Legacy"}
_ENABLED = ("Disabled", "Once", "Continuous")
_VALUES = {
    "BootSourceOverrideEnabled": _ENABLED,
    "BootSourceOverrideMode": tuple(_MODES.values()),
    "BootSourceOverrideTarget": tuple(_SOURCES),
}
WRITABLE: Schema = {name: Writable(str, values) for name, values in _VALUES.items()}


def boot_document(flags: BootFlags, machine: BootMode) -> Document:
    """The Boot object. Without flags the mode is the machine's own."""
    mode = ("UEFI" if flags.uefi else "Legacy") if flags.written else _MODES[machine]
    told: Document = {
        "BootSourceOverrideEnabled": ("Once" if flags.once else "Continuous") if flags.valid else "Disabled",
        "BootSourceOverrideMode": mode,
        "BootSourceOverrideTarget": _TARGETS[flags.source],
    }
    return told | {f"{name}@Redfish.AllowableValues": list(values) for name, values in _VALUES.items()}


def write_boot(flags: BootFlags, machine: BootMode, changes: Document) -> None:
    """Write what a PATCH names, and keep the rest. A BMC without a target has nothing to override with."""
    now = boot_document(flags, machine) | changes
    enabled, source = now["BootSourceOverrideEnabled"], _SOURCES[now["BootSourceOverrideTarget"]]
    valid = enabled != "Disabled" and source is not BootSource.NONE
    flags.write(source, valid=valid, once=enabled != "Continuous", uefi=now["BootSourceOverrideMode"] == "UEFI")
