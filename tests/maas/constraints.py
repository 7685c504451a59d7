"""Which machines are meant: the filters of the list and the constraints of `allocate`.

Filters pass over names that nothing has; constraints are refused for them, as MAAS does, because whoever misspells a
tag wants no other machine.
"""

import re
from collections.abc import Callable, Iterable

from tests.maas.answers import Refusal, invalid
from tests.maas.call import Call
from tests.maas.machine import Machine, Nic
from tests.maas.region import Region
from tests.maas.status import BY_FILTER

Holds = Callable[[Machine, list[str]], bool]
_MAC = re.compile(r"([0-9a-f]{2}[:-]){5}[0-9a-f]{2}", re.IGNORECASE)
_ARCHITECTURES = ("amd64/generic", "arm64/generic")
NOT_CONSTRAINTS = {
    "agent_name",
    "comment",
    "bridge_all",
    "bridge_type",
    "bridge_stp",
    "bridge_fd",
    "dry_run",
    "verbose",
}


def _has_cpus(machine: Machine, values: list[str]) -> bool:
    return machine.cpu_count >= min(float(value) for value in values)


def _has_memory(machine: Machine, values: list[str]) -> bool:
    return machine.memory_mib >= min(float(value) for value in values)


FILTERS: dict[str, Holds] = {
    "hostname": lambda machine, values: machine.hostname in values,
    "cpu_count": _has_cpus,
    "mem": _has_memory,
    "mac_address": lambda machine, values: any(nic.mac in map(str.lower, values) for nic in machine.nics),
    "id": lambda machine, values: machine.system_id in values,
    "domain": lambda _machine, values: "maas" in values,
    "zone": lambda machine, values: machine.zone.name in values,
    "pool": lambda machine, values: machine.pool.name in values,
    "agent_name": lambda machine, values: machine.agent_name in values,
    "status": lambda machine, values: any(machine.status is BY_FILTER[value] for value in values),
}
CONSTRAINTS: dict[str, Holds] = {
    "name": lambda machine, values: bool({machine.hostname, f"{machine.hostname}.maas"} & set(values)),
    "system_id": lambda machine, values: machine.system_id in values,
    "arch": lambda machine, values: any(machine.architecture in (one, f"{one}/generic") for one in values),
    "cpu_count": _has_cpus,
    "mem": _has_memory,
    "tags": lambda machine, values: machine.tags >= _listed(values),
    "not_tags": lambda machine, values: not machine.tags & _listed(values),
    "zone": FILTERS["zone"],
    "not_in_zone": lambda machine, values: machine.zone.name not in values,
    "pool": FILTERS["pool"],
    "not_in_pool": lambda machine, values: machine.pool.name not in values,
}


def filtered(call: Call) -> list[Machine]:
    """The machines that the filters of a list mean, oldest first.

    Raises:
        Refusal: 400, a value that cannot be.
    """
    wanted = {name: call.all(name) for name in FILTERS if call.all(name)}
    if wrong := [value for value in wanted.get("status", []) if value not in BY_FILTER]:
        raise invalid(status=f"Select a valid choice. {wrong[0]} is not one of the available choices.")
    if any(not _MAC.fullmatch(value) for value in wanted.get("mac_address", [])):
        raise invalid(mac_address="Enter a valid MAC address (e.g. AA:BB:CC:DD:EE:FF).")
    _check_numbers(wanted)
    return [machine for machine in call.visible() if all(FILTERS[name](machine, wanted[name]) for name in wanted)]


def matching(call: Call, machines: Iterable[Machine]) -> tuple[list[Machine], dict[str, dict[str, list[int]]]]:
    """The machines that the constraints permit, cheapest first, and by label and machine the NICs that fit.

    Raises:
        Refusal: 400, an unknown constraint or a value that nothing can have.
    """
    wanted = {name: call.all(name) for name in call.names() - NOT_CONSTRAINTS}
    labels = _labels(wanted.pop("interfaces", []))
    if unknown := sorted(wanted.keys() - CONSTRAINTS.keys()):
        raise invalid(**dict.fromkeys(unknown, "No such constraint."))
    _check_names(call.region, wanted)
    _check_numbers(wanted)
    found, nics = [], {label: dict[str, list[int]]() for label in labels}
    for machine in machines:
        fitting = {label: [nic.id for nic in machine.nics if _fits(nic, what)] for label, what in labels.items()}
        if all(fitting.values()) and all(CONSTRAINTS[name](machine, wanted[name]) for name in wanted):
            found.append(machine)
            for label, ids in fitting.items():
                nics[label][machine.system_id] = ids
    return sorted(found, key=lambda machine: machine.cpu_count + machine.memory_mib / 1024), nics


def described(call: Call) -> str:
    """The constraints as MAAS words them in a refusal."""
    names = sorted(call.names() - NOT_CONSTRAINTS)
    return " ".join(f"{name}={','.join(call.all(name))}" for name in names)


def _listed(values: list[str]) -> set[str]:
    """Tags may come one by one, or with commas or spaces between."""
    return {tag for value in values for tag in re.split(r"[,\s]+", value) if tag}


def _check_names(region: Region, wanted: dict[str, list[str]]) -> None:
    if unknown := sorted(_listed(wanted.get("tags", [])) - region.tags.keys()):
        raise invalid(tags=f"No such tag(s): {', '.join(map(repr, unknown))}.")
    for name in ("zone", "not_in_zone"):
        if unknown := sorted(set(wanted.get(name, [])) - region.zones.keys()):
            raise invalid(**{name: f"No such zone(s): {', '.join(unknown)}."})
    for name in ("pool", "not_in_pool"):
        if unknown := sorted(set(wanted.get(name, [])) - region.pools.keys()):
            raise invalid(**{name: f"No such pool(s): {', '.join(unknown)}."})
    known = {*_ARCHITECTURES, *(one.partition("/")[0] for one in _ARCHITECTURES)}
    if set(wanted.get("arch", [])) - known:
        raise invalid(arch="Architecture not recognised.")


def _check_numbers(wanted: dict[str, list[str]]) -> None:
    for name, text in {"cpu_count": "CPU count: number", "mem": "memory: number of MiB"}.items():
        try:
            [float(value) for value in wanted.get(name, [])]
        except ValueError:
            raise invalid(**{name: f"Invalid {text} required."}) from None


def _labels(values: list[str]) -> dict[str, dict[str, str]]:
    """`label:key=value,key=value;label:...` as labels with what each wants.

    Raises:
        Refusal: 400, it is nothing of the kind.
    """
    found: dict[str, dict[str, str]] = {}
    for group in ";".join(values).split(";"):
        label, _, pairs = group.partition(":")
        what = dict(pair.partition("=")[::2] for pair in pairs.split(",") if "=" in pair)
        if group and (not what or what.keys() - _NIC.keys()):
            raise _malformed(group)
        if group:
            found[label] = what
    return found


def _malformed(group: str) -> Refusal:
    return invalid(interfaces=f"Malformed constraint: {group}")


_NIC: dict[str, Callable[[Nic, str], bool]] = {
    "id": lambda nic, value: str(nic.id) == value,
    "name": lambda nic, value: nic.name == value,
    "fabric": lambda nic, value: nic.vlan is not None and value in (nic.vlan.fabric.name, str(nic.vlan.fabric.id)),
    "vid": lambda nic, value: nic.vlan is not None and str(nic.vlan.vid) == value,
    "subnet_cidr": lambda nic, value: any(link.subnet and str(link.subnet.network) == value for link in nic.links),
    "tag": lambda nic, value: value in nic.tags,
    "link_speed": lambda nic, value: value.isdigit() and nic.speed_mbit >= int(value),
}


def _fits(nic: Nic, what: dict[str, str]) -> bool:
    return all(_NIC[key](nic, value) for key, value in what.items())
