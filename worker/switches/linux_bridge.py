"""A Linux bridge with VLAN filtering (bridge(8), ip-link(8)), on this host or over SSH.

Every command is a list of arguments. Its ports' VLANs count at once; what is stale is taken away before the fresh ones
come. VLANs need not exist. The kernel keeps nothing over a restart, so saving is refused.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bmprov.deadline import Deadline
from bmprov.errors import SwitchMismatch, SwitchRefused
from bmprov.port_names import checked_port
from bmprov.switch import Change, Outcome, Plan, PortMode, PortSetting, PortState, differences
from bmprov.vlans import written
from worker.switches.commands import Commands, Runner
from worker.switches.switch_lock import SwitchLock

_DIALECT = "linux-bridge"

Command = tuple[str, ...]


class LinuxBridgeSwitch:
    """Fulfils `bmprov.switch.Switch` for the ports of one bridge."""

    def __init__(self, address: str, bridge: str, commands: Commands, lock: SwitchLock) -> None:
        checked_port(_DIALECT, bridge)
        self._address = address
        self._bridge = bridge
        self._commands = commands
        self._lock = lock

    def read(self, ports: Sequence[str], by: Deadline) -> Mapping[str, PortState]:
        """The ports as the kernel has them."""
        with self._session(ports, by) as run:
            return self._read(run, ports, by)

    def plan(self, changes: Sequence[Change], by: Deadline) -> Plan:
        """What `apply` would run."""
        with self._session([change.port for change in changes], by) as run:
            before = self._read(run, [change.port for change in changes], by)
            return Plan(before, [shlex.join(command) for command in _commands(changes, before)])

    def apply(self, changes: Sequence[Change], by: Deadline, *, save: bool = False) -> Outcome:
        """Make the changes and read them back."""
        if save:
            raise SwitchRefused(
                f"the Linux bridge {self._address} cannot keep its configuration",
                "configure its first state where the host keeps such, and do not ask for saving",
            )
        with self._session([change.port for change in changes], by) as run:
            before = self._read(run, [change.port for change in changes], by)
            commands = _commands(changes, before)
            for command in commands:
                self._run(run, command, by)
            after = self._read(run, list(before), by) if commands else before
            if told := differences(changes, after):
                raise SwitchMismatch(
                    f"the Linux bridge {self._address} took every command, and {'; '.join(told)}",
                    "see whether something else on that host configures it",
                )
            return Outcome(before, after, [shlex.join(command) for command in commands])

    @contextmanager
    def _session(self, ports: Sequence[str], by: Deadline) -> Iterator[Runner]:
        for port in ports:
            checked_port(_DIALECT, port)
        with self._lock.hold(self._address, by), self._commands.open(by) as run:
            yield run

    def _read(self, run: Runner, ports: Sequence[str], by: Deadline) -> Mapping[str, PortState]:
        links = self._rows(self._run(run, ("ip", "-json", "link", "show", "master", self._bridge), by))
        vlans = self._rows(self._run(run, ("bridge", "-json", "vlan", "show"), by))
        for port in ports:
            if port not in links:
                why = f"the Linux bridge {self._address} has no port {port}"
                raise SwitchRefused(why, f"see `ip link show master {self._bridge}` there")
        try:
            return {port: _state(port, links[port], vlans.get(port, {}).get("vlans", ())) for port in ports}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._nonsense() from error

    def _rows(self, text: str) -> Mapping[str, Mapping[str, Any]]:
        """What iproute2 tells, by interface. It prints empty objects too."""
        try:
            return {row["ifname"]: row for row in json.loads(text or "[]") if row}
        except (KeyError, TypeError, ValueError) as error:
            raise self._nonsense() from error

    def _run(self, run: Runner, command: Command, by: Deadline) -> str:
        answer = run(command, by)
        if answer.status == 0:
            return answer.output
        said = " ".join(answer.errors.split())[:160]
        raise SwitchRefused(
            f"the Linux bridge {self._address} would not take '{shlex.join(command)}': {said}",
            "check that bmprov may configure the network there, and that the bridge has vlan_filtering 1",
        )

    def _nonsense(self) -> SwitchMismatch:
        why = f"the host of the Linux bridge {self._address} answers what iproute2 does not say"
        return SwitchMismatch(why, "check its iproute2, and that its shell prints nothing of its own")


def _state(port: str, link: Mapping[str, Any], vlans: Sequence[Mapping[str, Any]]) -> PortState:
    untagged, tagged, native = set[int](), set[int](), set[int]()
    for entry in vlans:
        flags = entry.get("flags", ())
        numbers = range(entry["vlan"], entry.get("vlanEnd", entry["vlan"]) + 1)
        (untagged if "Egress Untagged" in flags else tagged).update(numbers)
        native.update(numbers if "PVID" in flags else ())
    mode = PortMode.OTHER
    if untagged == native and len(native) <= 1 and (native or tagged):
        mode = PortMode.TRUNK if tagged else PortMode.ACCESS
    first = min(native, default=None)
    return PortState(
        port, "UP" in link["flags"], mode, first, frozenset((tagged | untagged) - native), link.get("ifalias", "")
    )


def _commands(changes: Sequence[Change], before: Mapping[str, PortState]) -> list[Command]:
    return [command for change in changes for command in _port_commands(change, before[change.port])]


def _port_commands(change: Change, state: PortState) -> Iterator[Command]:
    wanted = change.fulfilled(state)
    if state.enabled and not wanted.enabled:
        yield ("ip", "link", "set", "dev", change.port, "down")
    if change.setting is not None and not state.carries(change.setting):
        yield from _vlan_commands(change.port, change.setting, state)
    if wanted.description != state.description:
        yield ("ip", "link", "set", "dev", change.port, "alias", wanted.description)
    if wanted.enabled and not state.enabled:
        yield ("ip", "link", "set", "dev", change.port, "up")


def _vlan_commands(port: str, setting: PortSetting, state: PortState) -> Iterator[Command]:
    kept = state.tagged & setting.tagged if state.mode is not PortMode.OTHER else frozenset[int]()
    same = state.mode is not PortMode.OTHER and state.untagged == setting.untagged
    stale = state.vlans - kept - ({setting.untagged} if same else set())
    for span in written(stale).split(",") if stale else ():
        yield ("bridge", "vlan", "del", "dev", port, "vid", span)
    if setting.untagged is not None and not same:
        yield ("bridge", "vlan", "add", "dev", port, "vid", str(setting.untagged), "pvid", "untagged")
    fresh = setting.tagged - kept
    for span in written(fresh).split(",") if fresh else ():
        yield ("bridge", "vlan", "add", "dev", port, "vid", span)
