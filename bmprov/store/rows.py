"""The one place where rows become records and records become rows."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

from bmprov.lifecycle import Kind, State
from bmprov.model import (
    Arch,
    AuditEvent,
    BackEnd,
    Bmc,
    BondMode,
    BootFrom,
    BootMode,
    Erase,
    Image,
    Instance,
    Machine,
    Nic,
    Operation,
    OperationState,
    Person,
    PowerReading,
    Region,
    Report,
    Role,
    Session,
    StepRun,
    Token,
    WallLink,
)
from bmprov.power import Power, PowerAction

Row = Mapping[Any, Any]
_BMC = tuple(item.name for item in fields(Bmc))  # once: a sweep reads ten thousand rows


def to_nic(row: Row) -> Nic:
    """A row of `nics`."""
    return Nic(
        row["mac"],
        row["position"],
        row["tag"],
        netboot=row["netboot"],
        home_vlan=row["home_vlan"],
        bond=row["bond"],
        bond_mode=BondMode(row["bond_mode"]) if row["bond_mode"] else None,
    )


def to_bmc(row: Row) -> Bmc:
    """A row of `second_bmcs`, or the like columns of `machines`."""
    return Bmc(**{name: row[name] for name in _BMC} | {"cipher_suites": tuple(row["cipher_suites"])})


def from_second_bmc(machine_id: str, bmc: Bmc) -> dict[str, Any]:
    """The row of `second_bmcs`."""
    return {**vars(bmc), "cipher_suites": list(bmc.cipher_suites), "machine_id": machine_id}


def from_bmc(bmc: Bmc) -> dict[str, Any]:
    """The columns of `machines` that are its first BMC."""
    return {f"bmc_{name}": list(value) if isinstance(value, tuple) else value for name, value in vars(bmc).items()}


def to_machine(row: Row, nics: Iterable[Nic], second_bmc: Bmc | None) -> Machine:
    """A row of `machines`, its NICs in order, and its second BMC."""
    return Machine(
        id=row["id"],
        name=row["name"],
        bmc=to_bmc({name: row[f"bmc_{name}"] for name in _BMC}),
        second_bmc=second_bmc,
        nics=tuple(nics),
        arch=Arch(row["arch"]),
        boot_mode=BootMode(row["boot_mode"]),
        secure_boot=row["secure_boot"],
        boot_from=BootFrom(row["boot_from"]),
        cpus=row["cpus"],
        memory_mib=row["memory_mib"],
        disk_gib=row["disk_gib"],
        tags=tuple(row["tags"]),
        site=row["site"],
        zone=row["zone"],
        pod=row["pod"],
        rack=row["rack"],
        rack_position=row["rack_position"],
        height_u=row["height_u"],
        notes=row["notes"],
        back_end=BackEnd(row["back_end"]),
        state=State(row["state"]),
        fault=row["fault"],
        maintenance=row["maintenance"],
        maintenance_by=row["maintenance_by"],
        reading=PowerReading(Power(row["power"]), row["power_read_at"], row["power_error"]),
        instance_id=row["instance_id"],
        reserved_until=row["reserved_until"],
        created_at=row["created_at"],
        version=row["version"],
    )


def from_machine(machine: Machine) -> dict[str, Any]:
    """The row of `machines`, without its NICs."""
    return {
        "id": machine.id,
        "name": machine.name,
        **from_bmc(machine.bmc),
        "arch": machine.arch,
        "boot_mode": machine.boot_mode,
        "secure_boot": machine.secure_boot,
        "boot_from": machine.boot_from,
        "cpus": machine.cpus,
        "memory_mib": machine.memory_mib,
        "disk_gib": machine.disk_gib,
        "tags": list(machine.tags),
        "site": machine.site,
        "zone": machine.zone,
        "pod": machine.pod,
        "rack": machine.rack,
        "rack_position": machine.rack_position,
        "height_u": machine.height_u,
        "notes": machine.notes,
        "back_end": machine.back_end,
        "state": machine.state,
        "power": machine.reading.power,
        "power_read_at": machine.reading.read_at,
        "created_at": machine.created_at,
    }


def to_region(row: Row) -> Region:
    """A row of `regions`."""
    return Region(**{**row, "erase": Erase(row["erase"])})


def to_instance(row: Row) -> Instance:
    """A row of `instances`."""
    return Instance(**row)


def to_operation(row: Row) -> Operation:
    """A row of `operations`."""
    return Operation(
        **{
            **row,
            "kind": Kind(row["kind"]),
            "state": OperationState(row["state"]),
            "action": PowerAction(row["action"]) if row["action"] else None,
            "report": Report(**row["report"]),
        }
    )


def from_operation(operation: Operation) -> dict[str, Any]:
    """The row of `operations`."""
    return {**vars(operation), "report": from_report(operation.report)}


def from_report(report: Report) -> dict[str, Any]:
    """The document in `operations.report`; what says nothing is left out."""
    return {name: value for name, value in asdict(report).items() if value}


def to_step_run(row: Row) -> StepRun:
    """A row of `steps`."""
    return StepRun(row["step"], row["attempt"], row["started_at"], row["ended_at"], row["outcome"], row["detail"])


def to_event(row: Row) -> AuditEvent:
    """A row of `events`."""
    return AuditEvent(**row)


def to_image(row: Row) -> Image:
    """A row of `images`."""
    modes = row["boot_modes"]
    return Image(
        **{
            **row,
            "arch": Arch(row["arch"]) if row["arch"] else None,
            "boot_modes": None if modes is None else tuple(BootMode(mode) for mode in modes),
            "remarks": tuple(row["remarks"].splitlines()),
        }
    )


def from_image(image: Image) -> dict[str, Any]:
    """The row of `images`; remarks are its lines."""
    modes = image.boot_modes
    return {
        **vars(image),
        "arch": image.arch or "",
        "boot_modes": None if modes is None else list(modes),
        "remarks": "\n".join(image.remarks),
    }


def to_token(row: Row) -> Token:
    """A row of `tokens`."""
    return Token(**{**row, "role": Role(row["role"])})


def to_person(row: Row) -> Person:
    """A row of `people`."""
    return Person(**{**row, "role": Role(row["role"])})


def to_session(row: Row) -> Session:
    """A row of `sessions`."""
    return Session(**row)


def to_wall_link(row: Row) -> WallLink:
    """A row of `wall_links`."""
    return WallLink(**row)
