"""A machine as `bmprov machine` shows it: a row of a table, and a record of its own."""

from collections.abc import Sequence
from typing import Any

from bmprov.cli import cable
from bmprov.cli.output import age, clock, power
from bmprov.model import BackEnd, BootFrom
from bmprov.place import unit_words


def addresses(machine: dict[str, Any]) -> list[str]:
    """Its BMCs, in the order in which they are asked."""
    return [bmc["address"] for bmc in (machine["bmc"], machine["second_bmc"]) if bmc]


def row(machine: dict[str, Any]) -> Sequence[object]:
    """A machine in a table."""
    operation = machine["operation"]
    state = f"{machine['state']} (maintenance)" if machine["maintenance"] else machine["state"]
    doing = f"{operation['kind']}: {operation['step'] or operation['state']}" if operation else ""
    read = age(machine["power"]["read_at"])
    sizes = (machine["cpus"], machine["memory_mib"])
    return [machine["name"], state, power(machine), read, *sizes, machine["tags"], machine["instance"], doing]


def firmware(machine: dict[str, Any]) -> str:
    """How its firmware is set up, and where its ramdisk comes from."""
    told = f"{machine['boot_mode']}{' with Secure Boot' * machine['secure_boot']}"
    return told if machine["boot_from"] == BootFrom.NETWORK else f"{told}, the ramdisk from {machine['boot_from']}"


def nic_words(nic: dict[str, Any]) -> str:
    """A NIC, the bond that it is a member of, and what is known of its cable."""
    bond = f"{nic['bond']} ({nic['bond_mode']})" if nic["bond"] else ""
    words = (nic["mac"], nic["tag"], "netboot" * nic["netboot"], bond, cable.standing(nic["cabling"]))
    return " ".join(filter(None, words))


def _reached(machine: dict[str, Any]) -> tuple[str, str]:
    """Its BMCs; for a machine of MAAS, which it is there."""
    if machine["back_end"] != BackEnd.MAAS:
        return "BMC", ", then ".join(addresses(machine))
    _, _, region, system_id = machine["bmc"]["address"].split("/")
    return "MAAS", f"region {region}, system {system_id}"


def place_words(machine: dict[str, Any]) -> str:
    """Where it stands in its site."""
    units = unit_words(machine["rack_position"], machine["height_u"])
    return " / ".join(filter(None, [*(machine[key] for key in ("zone", "pod", "rack")), units]))


def _boots(machine: dict[str, Any]) -> str:
    """How it boots; MAAS keeps that to itself."""
    return "as MAAS wants it" if machine["back_end"] == BackEnd.MAAS else firmware(machine)


def record(machine: dict[str, Any]) -> list[tuple[str, object]]:
    """All that is known of a machine."""
    reading, operation = machine["power"], machine["operation"]
    maintenance = f"{machine['maintenance']} (set by {machine['maintenance_by']})" if machine["maintenance"] else None
    return [
        *((key, machine[key]) for key in ("name", "id", "state", "fault")),
        ("maintenance", maintenance),
        ("notes", machine["notes"]),
        ("power", f"{reading['power']}, read {age(reading['read_at']) or 'never'}"),
        ("not read because", reading["error"]),
        _reached(machine),
        ("NICs", "\n".join(map(nic_words, machine["nics"]))),
        ("size", f"{machine['cpus']} cpus, {machine['memory_mib']} MiB, {machine['disk_gib']} GiB disk"),
        ("boots", f"{_boots(machine)}, {machine['arch']}, back end {machine['back_end']}"),
        ("tags", machine["tags"]),
        ("place", f"{machine['site']} / {place_words(machine)}".removesuffix(" / ")),
        ("instance", machine["instance"]),
        ("reserved until", clock(machine["reserved_until"])),
        ("under way", f"{operation['kind']} {operation['id']}: {operation['step']}" if operation else None),
        ("enrolled", clock(machine["created_at"])),
    ]
