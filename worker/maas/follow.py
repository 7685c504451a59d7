"""Follows MAAS regions: their machines are rows like all others, and what happens to them in MAAS itself is noticed.

One call lists a region's machines. A row is MAAS's word on a machine; only what an instance or an operation of ours has
is not touched by it, save that a deployed machine which MAAS no longer has as ours is lost, and said to be.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError, Conflict
from bmprov.lifecycle import Event, State
from bmprov.maas import MaasMachine, Standing, address_of, place_of, status_words
from bmprov.model import Arch, BackEnd, Bmc, Machine, Nic, Operation, PowerReading, Region
from bmprov.power import Power
from bmprov.store import Store, Transaction
from worker.maas.calls import MaasRegion

log = structlog.get_logger()

_US = "bmprov"
_AT_ONCE = 100  # system IDs in one URL
_FACTS = ("arch", "cpus", "memory_mib", "disk_gib", "tags", "zone", "pod")
_MOVES_BY_ITSELF = {Standing.DEPLOYING, Standing.RETURNING}
_STAYS = {Standing.DEPLOYED, Standing.RESCUE}


@dataclass
class Follower:
    """Keeps the rows of one site's regions. `calls_of` gives a region's calls."""

    store: Store
    calls_of: Callable[[Region], MaasRegion]
    read_s: float
    _refused: set[str] = field(default_factory=set)
    _users: dict[tuple[str, bytes], tuple[str, str]] = field(default_factory=dict)

    def follow(self, region: Region) -> int:
        """List the region's machines and keep what is new; how many there are.

        A region that does not answer makes its machines' readings old, and says why on each.
        """
        with self.store.read() as transaction:
            rows = {row.bmc.address: row for row in transaction.machines.of_region(region.name)}
        began, by = self.store.clock(), Deadline.after(self.read_s)
        try:
            calls = self.calls_of(region)
            user, version = self._met(region, calls, by)
            found = {address_of(region.name, one.system_id): one for one in calls.machines(by)}
        except BmprovError as error:
            self._silent(region, rows, str(error))
            return 0
        with self.store.write() as transaction:
            if transaction.regions.get(region.id) is None:
                return 0  # it was removed meanwhile
            busy = {one.machine_id: one for one in transaction.operations.all(limit=100_000, unfinished=True)}
            turn = _Turn(self, transaction, region, user, began, busy)
            transaction.regions.heard(region.id, version=version)
            for address, machine in found.items():
                turn.keep(rows.get(address), machine, address)
            for address, row in rows.items():
                if address not in found:
                    turn.gone(row)
            turn.end()
        return len(found)

    def _met(self, region: Region, calls: MaasRegion, by: Deadline) -> tuple[str, str]:
        """Whose the key is, and the region's version: asked once by a process for a key."""
        key = (region.id, region.sealed_key)
        if key not in self._users:
            self._users[key] = (calls.whoami(by).name, calls.version(by))
        return self._users[key]

    def _silent(self, region: Region, rows: dict[str, Machine], why: str) -> None:
        if why != region.error:
            log.warning("MAAS region does not tell of its machines", region=region.name, why=why)
        with self.store.write() as transaction:
            transaction.regions.heard(region.id, why)
            for row in rows.values():
                if row.reading.error != why:
                    transaction.machines.swept(row, PowerReading(error=why))

    def look(self, region: Region) -> int:
        """Ask in one call after the machines that operations wait for; how many of them go on.

        Nothing is asked while none waits. A region that does not answer is the next round's affair.
        """
        with self.store.read() as transaction:
            rows = transaction.machines.of_region(region.name, waited_for=True)
        awaited = {place[1]: row for row in rows if (place := place_of(row.bmc.address))}
        moving: set[str] = set()
        for some in range(0, len(awaited), _AT_ONCE):
            try:
                wanted, by = list(awaited)[some : some + _AT_ONCE], Deadline.after(self.read_s)
                told = self.calls_of(region).machines_named(wanted, by)
            except BmprovError as error:
                log.info("MAAS region does not tell of the machines that are waited for", why=str(error))
                return 0
            moving |= {one.system_id for one in told if one.standing in _MOVES_BY_ITSELF}
        ready = [row for system_id, row in awaited.items() if system_id not in moving]
        if ready:
            with self.store.write() as transaction:
                for row in ready:
                    if operation := transaction.operations.unfinished_of(row.id):
                        transaction.operations.wake(operation)
        return len(ready)

    def refuse(self, machine: Machine) -> None:
        """Say once that a machine of MAAS cannot be taken."""
        if machine.bmc.address not in self._refused:
            self._refused.add(machine.bmc.address)
            why = "one of its MACs is another machine's"
            log.warning("machine of MAAS is not taken", machine=machine.name, address=machine.bmc.address, why=why)


@dataclass
class _Turn:
    """One list, in one transaction."""

    follower: Follower
    transaction: Transaction
    region: Region
    user: str
    began: float
    busy: dict[str, Operation]
    again: list[tuple[Machine, PowerReading]] = field(default_factory=list)

    def keep(self, row: Machine | None, told: MaasMachine, address: str) -> None:
        """What MAAS says of one machine."""
        if row is None:
            self._add(told, address)
            return
        operation = self.busy.get(row.id)
        if operation is not None:
            if told.standing not in _MOVES_BY_ITSELF:
                self.transaction.operations.wake(operation)
            return
        if row.instance_id is None:
            row = self._facts(row, told)
            self._offer(row, told)
        elif row.state is State.ACTIVE and (told.standing not in _STAYS or told.owner != self.user):
            owner = f", owned by {told.owner}" if told.owner else ""
            self._lose(row, f"in MAAS it is {status_words(told.status)}{owner}: somebody took it away there")
            return
        self._power(row, told.power)

    def gone(self, row: Machine) -> None:
        """MAAS has the machine no more."""
        if row.id in self.busy:
            self.transaction.operations.wake(self.busy[row.id])
        elif row.instance_id is None:
            self.transaction.machines.remove(row)
            self._tell("gone from MAAS", row)
        elif row.state is State.ACTIVE:
            self._lose(row, "it was deleted in MAAS")

    def end(self) -> None:
        """Store what is not news."""
        self.transaction.machines.swept_again(self.again)

    def _add(self, told: MaasMachine, address: str) -> None:
        state = State.AVAILABLE if told.standing is Standing.FREE else State.ENROLLED
        row = _row(told, address, self.region)
        machine = replace(row, id=str(uuid.uuid4()), state=state, reading=PowerReading(told.power, self.began))
        if self._named(machine, told, self.transaction.machines.add) is not None:
            self._tell("found in MAAS", machine)
            if state is State.ENROLLED:
                self.transaction.machines.set_fault(machine, _why_not(told))

    def _facts(self, row: Machine, told: MaasMachine) -> Machine:
        """The row with what MAAS says of the machine now."""
        new = _row(told, row.bmc.address, self.region)
        nics = new.nics if told.standing is Standing.FREE else _at_home(new.nics, row.nics)
        name = row.name if row.name.startswith(told.hostname) else told.hostname
        facts = {fact: getattr(new, fact) for fact in _FACTS}
        changed = replace(row, name=name, nics=nics, **facts)
        if changed == row:
            return row
        return self._named(changed, told, self.transaction.machines.set_facts) or row

    def _named(self, machine: Machine, told: MaasMachine, keep: Callable[[Machine], None]) -> Machine | None:
        """Keep a machine under its own name, or with its region's behind it when another has that name."""
        longer = f"{told.hostname}.{self.region.name}"
        for name in (machine.name, longer, f"{longer}.{told.system_id}"):
            named = replace(machine, name=name)
            with suppress(Conflict):
                keep(named)
                return named
        self.follower.refuse(machine)
        return None

    def _offer(self, row: Machine, told: MaasMachine) -> None:
        """Whether it can be reserved."""
        machines, fault = self.transaction.machines, _why_not(told)
        if told.standing is Standing.FREE:
            if row.state in (State.ENROLLED, State.ERROR):
                machines.apply(row, Event.OFFER, fault="")
                if row.maintenance_by == _US:  # it was quarantined, and somebody has marked it fixed
                    machines.set_maintenance(row, "", _US)
                self._tell("offered by MAAS", row)
        elif row.state in (State.AVAILABLE, State.ERROR):
            machines.apply(row, Event.WITHDRAW, fault=fault)
            self._tell("withdrawn by MAAS", row, fault)
        elif row.fault != fault:
            machines.set_fault(row, fault)

    def _lose(self, row: Machine, why: str) -> None:
        self.transaction.machines.apply(row, Event.LOSE, fault=why)
        self._tell("lost in MAAS", row, why)
        log.warning("machine was taken away in MAAS", machine=row.name, why=why)

    def _power(self, row: Machine, power: Power) -> None:
        before, now = row.reading, PowerReading(power, self.began)
        if (before.power, before.error) == (power, "") and before.read_at is not None:
            self.again.append((row, now))
        elif self.transaction.machines.swept(row, now) and _changed(before.power, power):
            self._tell(f"out-of-band power {power}", row)

    def _tell(self, what: str, row: Machine, detail: str = "") -> None:
        self.transaction.events.add(what, actor=_US, machine=row.name, instance_id=row.instance_id or "", detail=detail)


def _row(told: MaasMachine, address: str, region: Region) -> Machine:
    """A machine as MAAS tells of it; it has neither id nor state yet."""
    nics = tuple(
        Nic(nic.mac, position, nic.tags[0] if nic.tags else "", netboot=position == 0, home_vlan=nic.vlan_id)
        for position, nic in enumerate(told.nics)
    )
    return Machine(
        id="",
        name=told.hostname,
        bmc=Bmc(address, "", b""),
        nics=nics,
        arch=told.arch or Arch.X86_64,
        cpus=told.cpus,
        memory_mib=told.memory_mib,
        disk_gib=told.disk_gib,
        tags=told.tags,
        site=region.site,
        zone=region.zone or told.zone,
        pod=told.pool,
        back_end=BackEnd.MAAS,
    )


def _at_home(nics: tuple[Nic, ...], before: tuple[Nic, ...]) -> tuple[Nic, ...]:
    """NICs as they are told while somebody has the machine: home is where they were before."""
    homes = {nic.mac: nic.home_vlan for nic in before}
    return tuple(replace(nic, home_vlan=homes.get(nic.mac, nic.home_vlan)) for nic in nics)


def _why_not(told: MaasMachine) -> str:
    if told.standing is Standing.FREE:
        return ""
    owner = f", owned by {told.owner}" if told.owner else ""
    why = f" ({told.status_message})" if told.status_message else ""
    return f"in MAAS it is {status_words(told.status)}{owner}{why}"


def _changed(before: Power, now: Power) -> bool:
    return Power.UNKNOWN not in (before, now) and before is not now
