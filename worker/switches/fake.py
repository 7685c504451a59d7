"""A switch without hardware, `fake://NAME`, for the demo, for rehearsals and for tests.

Its ports are kept where notes about BMCs are (`bmprov.queue.JobQueue` keeps them in Redis, `MemoryNotes` in memory), so
that every process sees the same. It has every VLAN and takes every setting.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from bmprov.deadline import Deadline
from bmprov.errors import SwitchRefused
from bmprov.switch import Change, Outcome, Plan, PortMode, PortState
from worker.drivers.manners import Notes
from worker.switches.switch_lock import SwitchLock

KEPT_S = 30 * 86_400


class MemoryNotes:
    """Notes of one process."""

    def __init__(self) -> None:
        self._notes = dict[str, bytes]()

    def keep(self, name: str, value: bytes, for_s: int) -> None:  # noqa: ARG002 - as long as the process lives
        """Keep some bytes."""
        self._notes[name] = value

    def kept(self, name: str, for_s: int) -> bytes | None:  # noqa: ARG002 - as above
        """What is kept by this name."""
        return self._notes.get(name)

    def drop(self, name: str) -> None:
        """Keep it no longer."""
        self._notes.pop(name, None)


class FakeSwitch:
    """Fulfils `bmprov.switch.Switch`. Every port starts in VLAN 1, enabled."""

    def __init__(self, address: str, ports: Collection[str], notes: Notes, lock: SwitchLock) -> None:
        self._address = address
        self._ports = frozenset(ports)
        self._notes = notes
        self._lock = lock

    def read(self, ports: Sequence[str], by: Deadline) -> Mapping[str, PortState]:
        """The ports."""
        with self._held(ports, by) as all_ports:
            return {port: all_ports[port] for port in ports}

    def plan(self, changes: Sequence[Change], by: Deadline) -> Plan:
        """What `apply` would do, in words."""
        with self._held([change.port for change in changes], by) as all_ports:
            return Plan({change.port: all_ports[change.port] for change in changes}, _lines(changes, all_ports))

    def apply(self, changes: Sequence[Change], by: Deadline, *, save: bool = False) -> Outcome:
        """Do it."""
        with self._held([change.port for change in changes], by) as all_ports:
            before = {change.port: all_ports[change.port] for change in changes}
            after = {change.port: change.fulfilled(all_ports[change.port]) for change in changes}
            lines = _lines(changes, all_ports)
            if lines:
                self._keep(all_ports | after)
            return Outcome(before, after, [*lines, *(["save"] if save else [])], save)

    @contextmanager
    def _held(self, ports: Iterable[str], by: Deadline) -> Iterator[dict[str, PortState]]:
        with self._lock.hold(self._address, by):
            for port in ports:
                if port not in self._ports:
                    raise SwitchRefused(
                        f"switch {self._address} has no port {port[:80]}", "check the cabling's spelling"
                    )
            kept = json.loads(self._notes.kept(self._note, KEPT_S) or b"{}")
            yield {port: _state(port, kept.get(port)) for port in self._ports}

    def _keep(self, ports: Mapping[str, PortState]) -> None:
        told = {
            port: [state.enabled, state.mode, state.untagged, sorted(state.tagged), state.description]
            for port, state in ports.items()
        }
        self._notes.keep(self._note, json.dumps(told).encode(), KEPT_S)

    @property
    def _note(self) -> str:
        return f"fake-switch:{self._address}"


def _state(port: str, kept: Sequence[object] | None) -> PortState:
    if kept is None:
        return PortState(port, enabled=True, mode=PortMode.ACCESS, untagged=1)
    match kept:
        case [bool(enabled), str(mode), untagged, list(tagged), str(description)]:
            vlan = untagged if isinstance(untagged, int) else None
            return PortState(port, enabled, PortMode(mode), vlan, frozenset(tagged), description)
    raise SwitchRefused(f"what is kept of the fake port {port} is none of ours", "drop it from Redis")


def _lines(changes: Sequence[Change], ports: Mapping[str, PortState]) -> list[str]:
    made = [(change.fulfilled(ports[change.port]), ports[change.port]) for change in changes]
    return [f'port {wanted.name}: {wanted}, "{wanted.description}"' for wanted, found in made if wanted != found]
