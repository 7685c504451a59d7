"""A switch with Junos (ELS): set and delete in an exclusive candidate, commit with its checks, show as set commands."""

import re
import shlex

from tests.sim_switch.device import Device, Port, Shell, ranges
from tests.sim_switch.statements import Path, Statements

SWITCHING = ("unit", "0", "family", "ethernet-switching")


def leaf(path: Path) -> int:
    """Members of VLANs are many; these have one value."""
    for name in ("native-vlan-id", "description", "interface-mode", "vlan-id"):
        if name in path:
            return path.index(name) + 1
    return 0


class JunosSwitch(Device):
    """A QFX."""

    hostname = "admin@qfx1"

    def __init__(self, names: list[str], vlans: set[int]) -> None:
        super().__init__({name: Port() for name in names}, vlans)
        self.names = names
        first = [
            ("vlans", "default", "vlan-id", "1"),
            *(("vlans", f"v{vlan}", "vlan-id", str(vlan)) for vlan in vlans - {1}),
        ]
        ports = [("interfaces", name, *SWITCHING, "vlan", "members", "default") for name in names]
        self.active = Statements([*first, *ports], leaf)

    def shell(self) -> Shell:
        return JunosShell(self)

    def reboot(self) -> None:
        """A commit is kept."""

    def vlan_ids(self) -> dict[str, int]:
        return {path[0]: int(path[2]) for path in self.active.below("vlans") if path[1] == "vlan-id"}

    def port(self, name: str) -> tuple[bool, int | None, frozenset[int], str]:
        of = ("interfaces", name)
        names, members = self.vlan_ids(), set[int]()
        for path in self.active.below(*of, *SWITCHING, "vlan", "members"):
            members |= {names[path[0]]} if path[0] in names else ranges(path[0])
        described = self.active.value(*of, "description")
        enabled = ("interfaces", name, "disable") not in self.active.paths
        if self.active.value(*of, *SWITCHING, "interface-mode") != "trunk":
            return enabled, min(members, default=None), frozenset(), described
        native = int(self.active.value(*of, "native-vlan-id") or 0)
        return enabled, native if native in members else None, frozenset(members - {native}), described


class JunosShell(Shell):
    """One session."""

    device: JunosSwitch

    def __init__(self, device: JunosSwitch) -> None:
        super().__init__(device)
        self.candidate: Statements | None = None
        self.gone = False

    @property
    def ended(self) -> bool:
        return self.gone

    @property
    def prompt(self) -> str:
        return (
            f"{{master:0}}[edit]\r\n{self.device.hostname}# "
            if self.candidate
            else f"{{master:0}}\r\n{self.device.hostname}> "
        )

    def obey(self, line: str) -> str:
        if self.candidate is not None:
            return self.configure(self.candidate, line)
        match line.split():
            case ["set", "cli", "screen-width", number]:
                return f"Screen width set to {number}"
            case ["set", "cli", "screen-length", number]:
                return f"Screen length set to {number}"
            case ["set", "cli", "complete-on-space", "off"]:
                return "Disabling complete-on-space"
            case ["exit"]:
                self.gone = True
            case ["configure", "exclusive"] if self.device.faults.locked:
                return "error: configuration database locked by:\n  ada terminal p0 (pid 4711) on since 2026-11-22"
            case ["configure", "exclusive"]:
                self.candidate = self.device.active.copy()
                return "warning: uncommitted changes will be discarded on exit\nEntering configuration mode\n"
            case ["show", "interfaces", "terse", name]:
                if name not in self.device.names:
                    return f"error: device {name} not found"
                head = "Interface               Admin Link Proto    Local                 Remote"
                return f"{head}\n{name:<23} up    up\n{name + '.0':<23} up    up   eth-switch"
            case ["show", "configuration", *path, "|", "display", "set"]:
                found = [p for p in self.device.active.paths if list(p[: len(path)]) == path]
                return "\n".join("set " + " ".join(shown(word) for word in path) for path in found)
            case _:
                return "                ^\nunknown command."
        return ""

    def configure(self, candidate: Statements, line: str) -> str:
        words = shlex.split(line)
        match words:
            case ["set", *path]:
                return self.set(candidate, tuple(path))
            case ["delete", *path]:
                return "" if candidate.delete(tuple(path)) else "warning: statement not found"
            case ["rollback", "0"]:
                self.candidate = self.device.active.copy()
                return "load complete"
            case ["commit"]:
                return self.commit(candidate)
            case ["exit", "configuration-mode"]:
                self.candidate = None
                return "Exiting configuration mode\n"
        return "                ^\nsyntax error."

    def set(self, candidate: Statements, path: Path) -> str:
        if path[0] == "interfaces" and path[1] not in self.device.names:
            return "error: invalid interface name"
        if path[0] not in {"interfaces", "vlans"}:
            return "                ^\nsyntax error."
        candidate.set(path)
        return ""

    def commit(self, candidate: Statements) -> str:
        made = {path[2] for path in candidate.below("vlans") if path[1] == "vlan-id"}
        named = {path[0] for path in candidate.below("vlans")}
        if self.device.faults.no_new_vlans and len(made) > len(self.device.vlan_ids()):
            return "error: Number of VLANs exceeds limit\nerror: configuration check-out failed"
        for path in candidate.paths:
            if path[-2:-1] == ("members",) and path[-1] not in named:
                lacking = {str(vlan) for vlan in ranges(path[-1])} - made
                if lacking:
                    return (
                        f"error: vlan-id {min(lacking)} is not defined\nerror: commit failed: (constraint check failed)"
                    )
        self.device.active = candidate.copy()
        self.device.saves += 1
        return "configuration check succeeds\ncommit complete"


def shown(word: str) -> str:
    return word if re.fullmatch(r"[\w/:.-]+", word) else f'"{word}"'
