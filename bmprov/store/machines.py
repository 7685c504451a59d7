"""Machines, and the only place that writes a machine's state."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from bmprov.allocation import Need
from bmprov.errors import Conflict
from bmprov.lifecycle import Event, State, advance
from bmprov.model import Bmc, BootFrom, BootMode, Machine, Nic, OperationState, PowerReading
from bmprov.notice import machine_failed
from bmprov.power import Power
from bmprov.store import schema
from bmprov.store.census import keep_counts
from bmprov.store.machine_search import MachineSearch
from bmprov.store.nics import forget_heard, nics_of, put_nics
from bmprov.store.outbox import Outbox
from bmprov.store.rows import from_bmc, from_machine, from_second_bmc, to_bmc, to_machine

_M = schema.machines.c
_FETCH = 200
_FACTS = ("name", "arch", "boot_mode", "cpus", "memory_mib", "disk_gib", "tags", "zone", "pod")

_BUSY = select(schema.operations.c.id).where(
    schema.operations.c.machine_id == _M.id, schema.operations.c.finished_at.is_(None)
)
_GET = select(schema.machines).where(_M.id == bindparam("whose"))  # made once: every call of a ramdisk asks these
_OF: BindParameter[Any] = bindparam("of", expanding=True)
_SECONDS = select(schema.second_bmcs).where(schema.second_bmcs.c.machine_id.in_(_OF))
_UNTOUCHED = update(schema.machines).where(
    _M.id == bindparam("whose"), _M.version == bindparam("as_of"), ~_BUSY.exists()
)
_READ_AGAIN = _UNTOUCHED.values(power_read_at=bindparam("at"), power_error="")
_READ = _UNTOUCHED.values(power=bindparam("power"), power_read_at=bindparam("at"), power_error=bindparam("error"))
_UNREAD = _UNTOUCHED.values(power_error=bindparam("error"))


class Machines:
    """The machines of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        self._outbox = Outbox(connection, now)

    def add(self, machine: Machine) -> None:
        """Enter a new machine.

        Raises:
            Conflict: its name, its BMC or a MAC is known already.
        """
        rows = [vars(nic) | {"machine_id": machine.id} for nic in machine.nics]
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(schema.machines), from_machine(machine) | {"created_at": self._now})
                if rows:
                    self._connection.execute(insert(schema.nics), rows)
                self._keep_second(machine.id, machine.second_bmc)
        except IntegrityError as error:
            raise _known(machine) from error
        self._refuse_shared(machine.bmc, machine.second_bmc)

    def get(self, machine_id: str) -> Machine | None:
        """The machine with this id."""
        return next(self._found(_GET, {"whose": machine_id}), None)

    def named(self, name: str) -> Machine | None:
        """The machine with this name or id."""
        return next(self._where((_M.name == name) | (_M.id == name)), None)

    def with_mac(self, mac: str) -> Machine | None:
        """The machine that has a NIC with this MAC (lower case, colons)."""
        return next(self._where(_M.id.in_(select(schema.nics.c.machine_id).where(schema.nics.c.mac == mac))), None)

    def all(self, site: str | None = None, state: State | None = None) -> list[Machine]:
        """Machines by name."""
        return self.search(MachineSearch(site=site or "", state=state))

    def search(self, search: MachineSearch) -> list[Machine]:
        """The machines that are looked for, by name."""
        return list(self._found(search.query(self._connection.dialect.name), {}))

    def of(self, machine_ids: Collection[str] | None) -> list[Machine]:
        """The machines with these ids; all of them, for None."""
        return list(self._where() if machine_ids is None else self._where(_M.id.in_(machine_ids)))

    def all_names(self) -> list[str]:
        """The names of all machines."""
        return list(self._connection.execute(select(_M.name).order_by(_M.name)).scalars())

    def free(self, need: Need) -> Iterator[Machine]:
        """Machines that may be reserved and are large enough for `need`, smallest first."""
        return self._where(
            _M.state == State.AVAILABLE,
            _M.maintenance == "",
            _M.cpus >= need.cpus,
            _M.memory_mib >= need.memory_mib,
            _M.disk_gib >= need.disk_gib,
        )

    def of_region(self, region: str, *, waited_for: bool = False) -> list[Machine]:
        """The machines of the MAAS region with this name; if wanted, only those that a step waits for."""
        prefix = f"maas://{region}/"
        wanted = [func.substr(_M.bmc_address, 1, len(prefix)) == prefix]
        if waited_for:
            wanted.append(_BUSY.where(schema.operations.c.state == OperationState.WAITING).exists())
        return list(self._where(*wanted))

    def expired(self) -> list[Machine]:
        """Machines whose reservation has run out."""
        return list(self._where(_M.state == State.RESERVED, _M.reserved_until < self._now))

    def apply(self, machine: Machine, happened: Event, **changes: Any) -> None:  # noqa: ANN401 - columns of machines
        """Move a machine to its next state, with whatever else changes with it. Webhooks are told of `error`.

        Raises:
            IllegalEvent: it cannot happen in the machine's state.
            Conflict: the machine has changed since it was read.
        """
        after = advance(machine.state, happened)
        mine = (_M.id == machine.id) & (_M.state == machine.state)
        moved = update(schema.machines).where(mine).values(state=after, version=_M.version + 1, **changes)
        version = self._connection.execute(moved.returning(_M.version)).scalar_one_or_none()
        if version is None:
            raise Conflict(f"machine '{machine.name}' changed while this was decided", "ask again", retry_after_s=0.2)
        if after is State.ERROR:
            self._outbox.tell(machine_failed(machine, after, version, changes.get("fault", machine.fault), self._now))

    def prolong(self, machine: Machine, reserved_until: float) -> None:
        """Let a reservation run longer."""
        mine = (_M.id == machine.id) & (_M.state == State.RESERVED)
        self._connection.execute(update(schema.machines).where(mine).values(reserved_until=reserved_until))

    def touch(self, machine_id: str) -> None:
        """Make readings that began before now worthless: something is being done to the machine."""
        self._connection.execute(update(schema.machines).where(_M.id == machine_id).values(version=_M.version + 1))

    def observe(self, machine_id: str, power: Power) -> None:
        """Keep what an operation has read back."""
        values = {"power": power, "power_read_at": self._now, "power_error": "", "version": _M.version + 1}
        self._connection.execute(update(schema.machines).where(_M.id == machine_id).values(**values))

    def swept(self, machine: Machine, reading: PowerReading) -> bool:
        """Keep what the sweep has read, unless anything was done to the machine since `machine` was loaded.

        Without this a reading that began while the machine was off in the middle of a reboot would be told after it.
        """
        row: dict[str, Any] = {"whose": machine.id, "as_of": machine.version, "error": reading.error}
        if reading.read_at is None:
            return self._connection.execute(_UNREAD, row).rowcount == 1
        row |= {"power": reading.power, "at": reading.read_at}
        return self._connection.execute(_READ, row).rowcount == 1

    def swept_again(self, readings: Sequence[tuple[Machine, PowerReading]]) -> None:
        """Keep readings that say what was known, in one go: only their time is new."""
        rows = [{"whose": one.id, "as_of": one.version, "at": reading.read_at} for one, reading in readings]
        if rows:
            self._connection.execute(_READ_AGAIN, rows)

    def set_maintenance(self, machine: Machine, reason: str, who: str) -> None:
        """Set the maintenance flag, or clear it with an empty reason."""
        values = {"maintenance": reason, "maintenance_by": who if reason else ""}
        self._connection.execute(update(schema.machines).where(_M.id == machine.id).values(**values))

    def set_notes(self, machine: Machine, notes: str) -> None:
        """Keep people's notes of a machine."""
        self._connection.execute(update(schema.machines).where(_M.id == machine.id).values(notes=notes))

    def set_facts(self, machine: Machine) -> None:
        """Keep what MAAS says that a machine is: its name, size, tags, place and NICs.

        Raises:
            Conflict: another machine has its name, or one of its MACs.
        """
        row = from_machine(machine)
        try:
            with self._connection.begin_nested():
                facts = {name: row[name] for name in _FACTS}
                self._connection.execute(update(schema.machines).where(_M.id == machine.id).values(**facts))
                put_nics(self._connection, machine, machine.nics)
        except IntegrityError as error:
            raise _known(machine) from error

    def set_nics(self, machine: Machine, nics: Sequence[Nic]) -> None:
        """Note which NICs a machine has now.

        Raises:
            Conflict: another machine has one of their MACs.
        """
        try:
            with self._connection.begin_nested():
                put_nics(self._connection, machine, nics)
        except IntegrityError as error:
            raise Conflict(
                f"another machine has one of the MACs {', '.join(nic.mac for nic in nics)}",
                "look for it with `bmprov machine list`",
            ) from error

    def set_fault(self, machine: Machine, fault: str) -> None:
        """Keep why a machine cannot be used."""
        self._connection.execute(update(schema.machines).where(_M.id == machine.id).values(fault=fault))

    def set_firmware(self, machine: Machine, boot_mode: BootMode, boot_from: BootFrom, *, secure_boot: bool) -> None:
        """Note that a machine boots otherwise now."""
        values = {"boot_mode": boot_mode, "secure_boot": secure_boot, "boot_from": boot_from}
        self._connection.execute(update(schema.machines).where(_M.id == machine.id).values(**values))

    def set_bmcs(self, machine: Machine, bmc: Bmc, second: Bmc | None) -> None:
        """Note where a machine's BMCs are now; what was read before says nothing any more.

        Raises:
            Conflict: another machine has one of them.
        """
        try:
            values = from_bmc(bmc) | {"version": _M.version + 1}
            self._connection.execute(update(schema.machines).where(_M.id == machine.id).values(**values))
            self._connection.execute(delete(schema.second_bmcs).where(schema.second_bmcs.c.machine_id == machine.id))
            self._keep_second(machine.id, second)
        except IntegrityError as error:
            raise _shared(bmc.address) from error
        self._refuse_shared(bmc, second)

    def _keep_second(self, machine_id: str, bmc: Bmc | None) -> None:
        if bmc is not None:
            self._connection.execute(insert(schema.second_bmcs), from_second_bmc(machine_id, bmc))

    def _refuse_shared(self, *bmcs: Bmc | None) -> None:
        """No address is one machine's first BMC and another's second; each column by itself is unique already."""
        addresses = [bmc.address for bmc in bmcs if bmc is not None]
        seconds = schema.second_bmcs.c.address
        both = select(_M.bmc_address).join(schema.second_bmcs, _M.bmc_address == seconds)
        for address in self._connection.execute(both.where(seconds.in_(addresses))).scalars():
            raise _shared(address)

    def remove(self, machine: Machine) -> None:
        """Forget a machine with its NICs and its history of operations.

        Raises:
            Conflict: an instance has it, or switch ports are open for it.
        """
        forget_heard(self._connection, schema.nics.c.machine_id == machine.id)
        keep_counts(self._connection, _M.id == machine.id)
        try:
            self._connection.execute(delete(schema.machines).where(_M.id == machine.id))
        except IntegrityError as error:
            if machine.instance_id is None:
                why = f"switch ports are open for machine '{machine.name}'"
                raise Conflict(why, f"release it first: `bmprov machine release {machine.name}`") from error
            raise Conflict(
                f"machine '{machine.name}' belongs to instance {machine.instance_id}", "delete it first"
            ) from error

    def _where(self, *wanted: ColumnElement[bool]) -> Iterator[Machine]:
        query = select(schema.machines).where(*wanted).order_by(_M.cpus, _M.memory_mib, _M.disk_gib, _M.name)
        return self._found(query, {})

    def _found(self, query: Select[Any], asked: Mapping[str, Any]) -> Iterator[Machine]:
        for rows in self._connection.execute(query, asked).mappings().partitions(_FETCH):
            ids = [row["id"] for row in rows]
            nics, seconds = nics_of(self._connection, ids), self._seconds(ids)
            yield from (to_machine(row, nics[row["id"]], seconds.get(row["id"])) for row in rows)

    def _seconds(self, machine_ids: Sequence[str]) -> dict[str, Bmc]:
        rows = self._connection.execute(_SECONDS, {"of": machine_ids}).mappings()
        return {row["machine_id"]: to_bmc(row) for row in rows}


def _known(machine: Machine) -> Conflict:
    return Conflict(
        f"machine '{machine.name}', its BMC {machine.bmc.address} or one of its MACs is enrolled already",
        "look for it with `bmprov machine list`",
    )


def _shared(address: str) -> Conflict:
    return Conflict(f"another machine has BMC {address}", "look for it with `bmprov machine list`")
