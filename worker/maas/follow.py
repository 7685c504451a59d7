"""Follows MAAS regions: their machines are rows like all others, and what happens to them in MAAS itself is noticed.

One call lists a region's machines. A row is MAAS's word on a machine; only what an instance or an operation of ours has
is not touched by it, save that a deployed machine which MAAS no longer has as ours is lost, and said to be. A row to
which anything was done since the list was asked for is left for the next list.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError, Conflict
from bmprov.lifecycle import Event, State
from bmprov.maas import MaasMachine, NodeStatus, Standing, address_of, place_of, status_words
from bmprov.model import Machine, Operation, PowerReading, Region
from bmprov.notice import power_changed
from bmprov.power import Power
from bmprov.store import Store, Transaction
from worker.maas.as_row import at_home, is_free, row_of, why_not
from worker.maas.calls import MaasRegion
from worker.maas.leftovers import give_back

log = structlog.get_logger()

_US = "bmprov"
_AT_ONCE = 100  # system IDs in one URL
_SHOWN = 5
_FACTS = ("arch", "cpus", "memory_mib", "disk_gib", "tags", "zone", "pod")
_MOVES_BY_ITSELF = {Standing.DEPLOYING, Standing.RETURNING}
_STAYS = {Standing.DEPLOYED, Standing.RESCUE}
_GONE = {Standing.FREE, Standing.RETURNING, Standing.FAILED_RETURN}


@dataclass
class Follower:
    """Keeps the rows of one site's regions. `calls_of` gives a region's calls."""

    store: Store
    calls_of: Callable[[Region], MaasRegion]
    read_s: float
    _refused: set[str] = field(default_factory=set)
    _settled: dict[str, tuple[str | None, NodeStatus, str, str]] = field(default_factory=dict)
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
            looks_lost = [(row, found[address]) for address, row in rows.items() if address in found]
            lost = {row.id for row, told in looks_lost if self._is_lost(row, told, user, calls, by)}
        except BmprovError as error:
            self._silent(region, rows, str(error))
            return 0
        with self.store.write() as transaction:
            if transaction.regions.get(region.id) is None:
                return 0  # it was removed meanwhile
            busy = {one.machine_id: one for one in transaction.operations.all(limit=100_000, unfinished=True)}
            turn = _Turn(transaction, region, user, lost, began, busy)
            now = {row.bmc.address: row for row in transaction.machines.of_region(region.name)}
            changed = {address for address in now.keys() | rows if _version(now, address) != _version(rows, address)}
            transaction.regions.heard(region.id, version=version)
            for address in [*found, *(now.keys() - found)]:
                row, told = now.get(address), found.get(address)
                if row is not None and row.id in busy:
                    turn.wake(row, told)
                elif address in changed:
                    continue
                elif told is not None:
                    turn.keep(row, told, address)
                elif row is not None:
                    turn.gone(row)
            turn.end()
        self._say(turn.refused)
        give_back(self.store, region, calls, turn.leftovers, Deadline.after(self.read_s))
        return len(found)

    def _is_lost(self, row: Machine, told: MaasMachine, user: str, calls: MaasRegion, by: Deadline) -> bool:
        """Whether an instance's machine was taken away.

        MAAS lists no agent names, so it is asked for one machine when the list leaves a doubt: somebody
        may test a machine that is deployed, and a region may have got the key of another user.
        """
        if row.state is not State.ACTIVE or (told.standing in _STAYS and told.owner == user):
            return False
        if told.standing in _GONE:
            return True
        doubt = (row.instance_id, told.status, told.owner, user)
        if self._settled.get(row.id) != doubt:
            if calls.allocated_to(told.system_id, row.instance_id or "", by) is None:
                return True
            self._settled[row.id] = doubt
        return False

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

    def _say(self, refused: list[Machine]) -> None:
        """Say once that machines of MAAS cannot be taken; the region's row says it as long as it is so."""
        for machine in refused:
            if machine.bmc.address not in self._refused:
                self._refused.add(machine.bmc.address)
                why = "one of its MACs is another machine's"
                log.warning("machine of MAAS is not taken", machine=machine.name, address=machine.bmc.address, why=why)


@dataclass
class _Turn:
    """One list, in one transaction."""

    transaction: Transaction
    region: Region
    user: str
    lost: set[str]
    began: float
    busy: dict[str, Operation]
    again: list[tuple[Machine, PowerReading]] = field(default_factory=list)
    refused: list[Machine] = field(default_factory=list)
    leftovers: list[Machine] = field(default_factory=list)

    def keep(self, row: Machine | None, told: MaasMachine, address: str) -> None:
        """What MAAS says of one machine."""
        if row is None:
            self._add(told, address)
            return
        if row.instance_id is None:
            row = self._facts(row, told)
            self._offer(row, told)
            if told.standing is Standing.ALLOCATED and told.owner == self.user:
                self.leftovers.append(row)
        elif row.id in self.lost:
            owner = f", owned by {told.owner}" if told.owner else ""
            self._lose(row, f"in MAAS it is {status_words(told.status)}{owner}: somebody took it away there")
            return
        self._power(row, told.power)

    def wake(self, row: Machine, told: MaasMachine | None) -> None:
        """An operation that waits for MAAS need not wait until it looks by itself."""
        if told is None or told.standing not in _MOVES_BY_ITSELF:
            self.transaction.operations.wake(self.busy[row.id])

    def gone(self, row: Machine) -> None:
        """MAAS has the machine no more."""
        if row.instance_id is None:
            self.transaction.machines.remove(row)
            self._tell("gone from MAAS", row)
        elif row.state is State.ACTIVE:
            self._lose(row, "it was deleted in MAAS")

    def end(self) -> None:
        """Store what is not news, and what could not be stored."""
        self.transaction.machines.swept_again(self.again)
        if self.refused:
            names = ", ".join(sorted(machine.name for machine in self.refused)[:_SHOWN])
            error = f"{len(self.refused)} of its machines are not taken, whose MACs other machines have: {names}"
            self.transaction.regions.change(self.region.id, error=error)

    def _add(self, told: MaasMachine, address: str) -> None:
        state = State.AVAILABLE if is_free(told) else State.ENROLLED
        row = row_of(told, address, self.region)
        machine = replace(row, id=str(uuid.uuid4()), state=state, reading=PowerReading(told.power, self.began))
        if self._named(machine, told, self.transaction.machines.add) is not None:
            self._tell("found in MAAS", machine)
            if state is State.ENROLLED:
                self.transaction.machines.set_fault(machine, why_not(told))

    def _facts(self, row: Machine, told: MaasMachine) -> Machine:
        """The row with what MAAS says of the machine now."""
        new = row_of(told, row.bmc.address, self.region)
        nics = new.nics if told.standing is Standing.FREE else at_home(new.nics, row.nics)
        name = row.name if row.name in self._names(told) else told.hostname
        facts = {fact: getattr(new, fact) for fact in _FACTS}
        changed = replace(row, name=name, nics=nics, **facts)
        if changed == row:
            return row
        return self._named(changed, told, self.transaction.machines.set_facts) or row

    def _named(self, machine: Machine, told: MaasMachine, keep: Callable[[Machine], None]) -> Machine | None:
        """Keep a machine under its own name, or with its region's behind it when another has that name."""
        for name in (machine.name, *self._names(told)):
            named = replace(machine, name=name)
            with suppress(Conflict):
                keep(named)
                return named
        self.refused.append(machine)
        return None

    def _names(self, told: MaasMachine) -> tuple[str, str, str]:
        """The names that the machine may have, the best first."""
        longer = f"{told.hostname}.{self.region.name}"
        return told.hostname, longer, f"{longer}.{told.system_id}"

    def _offer(self, row: Machine, told: MaasMachine) -> None:
        """Whether it can be reserved."""
        machines, fault = self.transaction.machines, why_not(told)
        if is_free(told):
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
            self.transaction.outbox.tell(power_changed(row, now, self.began))

    def _tell(self, what: str, row: Machine, detail: str = "") -> None:
        self.transaction.events.add(what, actor=_US, machine=row.name, instance_id=row.instance_id or "", detail=detail)


def _version(rows: dict[str, Machine], address: str) -> int | None:
    row = rows.get(address)
    return None if row is None else row.version


def _changed(before: Power, now: Power) -> bool:
    return Power.UNKNOWN not in (before, now) and before is not now
