"""What the machine is, from /proc and /sys (sysfs(5)), and which of its disks takes the image."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .words import Broken, GivesUp

_NAMED = ("serial", "wwn", "rotational")
SECTOR_BYTES = 512  # the unit of /sys/block/*/size, whatever the disk's own is
BLOCKS, CARDS, DMI = Path("/sys/block"), Path("/sys/class/net"), Path("/sys/class/dmi/id")


def inventory(neighbours: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """What the machine is, from /proc and /sys (sysfs(5))."""
    memory = next(line for line in text(Path("/proc/meminfo")).splitlines() if line.startswith("MemTotal"))
    return {
        "version": 1,
        "cpus": os.cpu_count() or 0,
        "memory_mib": int(memory.split()[1]) >> 10,
        "disks": disks(),
        "nics": [_nic(path, neighbours) for path in sorted(CARDS.iterdir()) if (path / "device").exists()],
        "dmi": {name: text(DMI / name) for name in ("sys_vendor", "product_name", "product_serial")},
    }


def disks() -> list[dict[str, Any]]:
    """The disks that can be written, by name; one that is reached by several ways, by its first name."""
    names = sorted(path.name for path in BLOCKS.iterdir() if (path / "device").exists())
    found = [_disk(name) for name in names if not name.startswith(("sr", "fd")) and not _is(name, "hidden")]
    usable = [disk for disk in found if disk["size_bytes"] and not _is(disk["name"], "ro")]
    return list({(disk["wwn"] or disk["name"], disk["size_bytes"]): disk for disk in reversed(usable)}.values())[::-1]


def _is(name: str, what: str) -> bool:
    """A flag of a disk. `hidden` are the single paths of an NVMe disk that may have several."""
    return text(BLOCKS / name / what) == "1"


def _serial(block: Path) -> str:
    """The serial number: SATA and SAS disks tell it in page 0x80 alone (SPC-4, 7.8.15), behind four bytes."""
    page = text(block / "device" / "vpd_pg80")[4:]
    return text(block / "serial") or text(block / "device" / "serial") or page.strip("\0 ")


def _disk(name: str) -> dict[str, Any]:
    block = BLOCKS / name
    return {
        "name": name,
        "size_bytes": int(text(block / "size") or 0) * SECTOR_BYTES,
        "model": text(block / "device" / "model"),
        "serial": _serial(block),
        "wwn": text(block / "wwid") or text(block / "device" / "wwid"),
        "rotational": text(block / "queue" / "rotational") == "1",
    }


def _nic(card: Path, neighbours: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    nic: dict[str, Any] = {"mac": text(card / "address"), "name": card.name, "link": text(card / "carrier") == "1"}
    return nic | ({"lldp": neighbours[card.name]} if card.name in neighbours else {})


def text(path: Path) -> str:
    """What a file of /sys says; nothing when there is none, or when it cannot be read, as a NIC's that is down."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _same(there: object, wanted: object) -> bool:
    """Whether two names of a disk mean the same: Linux writes a WWN `naa.5000c5…` or `eui.…`, a label `0x5000C5…`."""
    if isinstance(there, str) and isinstance(wanted, str):
        return _bare(there) == _bare(wanted)
    return there == wanted


def _bare(name: str) -> str:
    return name.lower().removeprefix("0x").removeprefix("naa.").removeprefix("eui.")


def choose_disk(found: Sequence[Mapping[str, Any]], rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """The disk that the image goes to: the smallest that fits, of those that the rule allows.

    `rule` has `min_size_bytes`, and `serial`, `wwn`, `rotational`, `max_size_bytes` if the instance asks for them. Who
    asks must be given what he means: two disks that are the same to the rule are one too many. Who does not is given
    the same disk each time: kernels name disks in another order from boot to boot, serial numbers stay.

    Raises:
        Broken: the machine has no disk.
        GivesUp: there is none that is so, or there are several; the text says what is there.
    """
    if not found:
        raise Broken("the machine has no disk that can be written: look at its controller and its cables")
    bounds, asked = _bounds(rule), {key: rule[key] for key in _NAMED if rule.get(key) is not None}
    fitting = [
        disk
        for disk in found
        if int(disk["size_bytes"]) in bounds and all(_same(disk[key], value) for key, value in asked.items())
    ]
    wanted = "".join(f", {key} {value}" for key, value in asked.items())
    if not fitting:
        raise GivesUp(f"no disk takes the image, which needs {bounds.start} bytes{wanted}; there is {_listed(found)}")
    smallest = min(int(disk["size_bytes"]) for disk in fitting)
    alike = sorted((disk for disk in fitting if disk["size_bytes"] == smallest), key=lambda disk: str(disk["serial"]))
    if len(alike) > 1 and (asked or rule.get("max_size_bytes")):
        raise GivesUp(f"several disks are what root_disk asks for: {_listed(alike)}; name one by its serial or WWN")
    return alike[0]


def _bounds(rule: Mapping[str, Any]) -> range:
    return range(int(rule.get("min_size_bytes") or 0), int(rule.get("max_size_bytes") or 1 << 62) + 1)


def _listed(found: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(
        f"{disk['name']} of {disk['size_bytes']} bytes, serial {disk['serial'] or '-'}, WWN {disk['wwn'] or '-'}"
        for disk in found
    )
