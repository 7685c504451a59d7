"""A switch with Nokia SR Linux: an exclusive candidate, `set / path`, `info flat`, and VLANs as MAC-VRFs."""

import fnmatch
import shlex

from tests.sim_switch.device import Device, Port, Shell
from tests.sim_switch.statements import Path, Statements

LEAVES = ("admin-state", "description", "vlan-tagging", "type", "vlan-id")
ERROR = "Parsing error: Unknown token '{}'. Options are ['#', '>', 'acl', 'interface', 'network-instance']"


def leaf(path: Path) -> int:
    """These have one value, and `encap` is one thing or the other."""
    for name in (*LEAVES, "encap"):
        if name in path:
            return path.index(name) + 1
    return 0


class SrLinuxSwitch(Device):
    """A 7220 IXR."""

    hostname = "A:srl1"

    def __init__(self, names: list[str], vlans: set[int]) -> None:
        super().__init__({name: Port() for name in names}, vlans)
        self.names = names
        instances = [("network-instance", f"vlan-{vlan}", "type", "mac-vrf") for vlan in sorted(vlans)]
        self.active = Statements([*instances, *(("interface", name, "admin-state", "enable") for name in names)], leaf)
        self.kept = self.active.copy()

    def shell(self) -> Shell:
        return SrLinuxShell(self)

    def save(self) -> None:
        self.kept = self.active.copy()
        self.saves += 1

    def reboot(self) -> None:
        self.active = self.kept.copy()

    def port(self, name: str) -> tuple[bool, int | None, frozenset[int], str]:
        instance_of = {path[2]: path[0] for path in self.active.below("network-instance") if path[1] == "interface"}
        untagged, tagged = set[int](), set[int]()
        for path in self.active.below("interface", name, "subinterface"):
            instance = instance_of.get(f"{name}.{path[0]}")
            if (
                path[1:3] == ("vlan", "encap")
                and instance
                and ("bridged",) in self.active.below("interface", name, "subinterface", path[0], "type")
            ):
                vlan = int(instance.removeprefix("vlan-"))
                untagged |= {vlan} if path[3] == "untagged" else set()
                if path[3] == "single-tagged":
                    assert int(path[5]) == vlan
                    tagged.add(vlan)
        assert not (untagged or tagged) or self.active.value("interface", name, "vlan-tagging") == "true"
        enabled = self.active.value("interface", name, "admin-state") == "enable"
        return (
            enabled,
            min(untagged, default=None),
            frozenset(tagged),
            self.active.value("interface", name, "description"),
        )


class SrLinuxShell(Shell):
    """One session."""

    device: SrLinuxSwitch

    def __init__(self, device: SrLinuxSwitch) -> None:
        super().__init__(device)
        self.candidate: Statements | None = None
        self.changed = False
        self.gone = False

    @property
    def ended(self) -> bool:
        return self.gone

    @property
    def prompt(self) -> str:
        mode = "running" if self.candidate is None else f"{'* ' if self.changed else ''}candidate exclusive"
        return f"--{{ {mode} }}--[  ]--\r\n{self.device.hostname}# "

    def obey(self, line: str) -> str:
        words = shlex.split(line)
        match words:
            case ["environment", *_]:
                return ""
            case ["quit" | "exit"]:
                self.gone = True
                return ""
            case ["info", "flat", "from", ("running" | "state") as which, "/", *path]:
                return self.info(path, which == "state")
            case ["enter", "candidate", "exclusive"] if self.device.faults.locked:
                return "Error: Cannot enter exclusive candidate mode: candidate is locked by another session (ada)"
            case ["enter", "candidate", "exclusive"]:
                self.candidate, self.changed = self.device.active.copy(), False
                return ""
            case ["enter", "running"]:
                self.candidate = None
                return ""
            case ["save", "startup"]:
                self.device.save()
                return "/system:\n    Generated checkpoint '/etc/opt/srlinux/checkpoint/checkpoint-0.json'"
        if self.candidate is None:
            return ERROR.format(words[0])
        return self.configure(self.candidate, words)

    def configure(self, candidate: Statements, words: list[str]) -> str:
        match words:
            case ["set", "/", *path]:
                if path[0] == "interface" and path[1] not in self.device.names:
                    return ERROR.format(path[1])
                self.changed = True
                candidate.set(tuple(path))
                return ""
            case ["delete", "/", *path]:
                self.changed = True
                candidate.delete(tuple(path))
                return ""
            case ["discard", "stay"]:
                self.candidate, self.changed = self.device.active.copy(), False
                return "All changes have been discarded. Starting new transaction."
            case ["commit", "stay"]:
                return self.commit(candidate)
        return ERROR.format(words[0])

    def commit(self, candidate: Statements) -> str:
        known = {path[0] for path in self.device.active.below("network-instance")}
        if self.device.faults.no_new_vlans and {path[0] for path in candidate.below("network-instance")} - known:
            return "Error: Commit failed: maximum number of mac-vrf instances reached"
        for path in candidate.below("network-instance"):
            if path[1] == "interface":
                port, _, index = path[2].rpartition(".")
                if not candidate.below("interface", port, "subinterface", index):
                    return f"Error: Commit failed: {path[2]} is not configured"
        self.device.active, self.changed = candidate.copy(), False
        return "All changes have been committed. Starting new transaction."

    def info(self, path: list[str], state: bool) -> str:  # noqa: FBT001 - state or running
        if path[0] == "interface" and path[1] not in self.device.names:
            return "Error: Path '/interface{.name==" + path[1] + "}' does not match any existing entry" if state else ""
        found = [
            p for p in self.device.active.paths if all(fnmatch.fnmatch(a, b) for a, b in zip(p, path, strict=False))
        ]
        return "\n".join("set / " + " ".join(f'"{word}"' if " " in word else word for word in p) for p in found)
