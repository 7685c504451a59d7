"""Cisco switches, as their command references say: IOS XE and NX-OS, and what others have taken over from them."""

import re
from typing import ClassVar

from tests.sim_switch.device import Device, Port, Shell, State, listing, ranges

INVALID = "% Invalid input detected at '^' marker."


class CiscoShell(Shell):
    """One session: exec (`>`), privileged (`#`), configuration, interface or VLAN. `target` is what is written to."""

    device: "IosSwitch"

    def __init__(self, device: "IosSwitch") -> None:
        super().__init__(device)
        self.privileged = not device.wants_enable
        self.asks_password = False
        self.mode = ""
        self.port: Port | None = None
        self.gone = False

    @property
    def hides(self) -> bool:
        return self.asks_password

    @property
    def ended(self) -> bool:
        return self.gone

    @property
    def prompt(self) -> str:
        if self.asks_password:
            return "Password: "
        return f"{self.device.hostname}{self.mode}{'#' if self.privileged else '>'}{self.device.after_prompt}"

    @property
    def target(self) -> State:
        return self.device.running

    def obey(self, line: str) -> str:
        words = line.split()
        if self.asks_password:
            self.asks_password, self.privileged = False, line == self.device.enable_password
            return "" if self.privileged else "% Access denied"
        if line == "enable":
            self.asks_password = not self.privileged
            return ""
        if words[0] == "terminal":
            return self.device.terminal.get(words[1], "")
        if not self.mode:
            return self.execute(line, words)
        return self.configure(line, words)

    def execute(self, line: str, words: list[str]) -> str:
        if line in {"exit", "logout"}:
            self.gone = True
            return ""
        if words[0] == "show":
            return self.device.show(line)
        if not self.privileged:
            return INVALID
        if line in {"configure terminal", "conf t"}:
            if self.device.faults.locked:
                return self.device.locked_text
            self.mode = "(config)"
            return self.device.entering
        if line in self.device.saving:
            self.device.save()
            return self.device.saving[line]
        return INVALID

    def configure(self, line: str, words: list[str]) -> str:
        if line == "end":
            self.mode = ""
            return ""
        if line == "exit":
            self.mode = "" if self.mode == "(config)" else "(config)"
            return ""
        if words[0] == "interface" and len(words) == 2:
            if words[1] not in self.target.ports:
                return INVALID
            self.mode, self.port = "(config-if)", self.target.ports[words[1]]
            return ""
        if created := re.fullmatch(self.device.creating, line):
            self.mode = "(config-vlan)"
            if self.device.faults.no_new_vlans and int(created[1]) not in self.target.vlans:
                return self.device.no_new_vlans
            self.target.vlans.add(int(created[1]))
            return ""
        if self.mode == "(config-if)" and self.port is not None:
            try:
                return self.device.set_port(self.target, self.port, words)
            except (ValueError, IndexError):
                return INVALID
        return INVALID


class IosSwitch(Device):
    """A Catalyst with IOS XE."""

    hostname = "sw1"
    after_prompt = ""
    wants_enable = True
    entering = "Enter configuration commands, one per line.  End with CNTL/Z."
    locked_text = "Configuration mode is locked by process '73' user 'ada' from terminal '2'. Please try later."
    no_new_vlans = "VTP VLAN configuration not allowed when device is in CLIENT mode."
    creating = r"vlan (\d{1,4})"
    saving: ClassVar = {"write memory": "Building configuration...\n[OK]"}
    terminal: ClassVar = dict[str, str]()
    shown = r"show running-config interface (\S+)"

    def shell(self) -> Shell:
        return CiscoShell(self)

    def show(self, line: str) -> str:
        if line == "show vlan brief":
            rows = [
                f"{vlan:<4} {'default' if vlan == 1 else f'VLAN{vlan:04}':<32} active    "
                for vlan in sorted(self.running.vlans)
            ]
            return "\n".join(
                ["", "VLAN Name                             Status    Ports", f"---- {'-' * 32} {'-' * 9} ----", *rows]
            )
        found = re.fullmatch(self.shown, line)
        if not found or found[1] not in self.running.ports:
            return INVALID
        return self.show_port(found[1], self.running.ports[found[1]])

    def show_port(self, name: str, port: Port) -> str:
        lines = [f"interface {name}"]
        lines += [f" description {port.description}"] if port.description else []
        lines += [" no switchport"] if port.mode == "routed" else []
        lines += [f" switchport access vlan {port.access}"] if port.access != 1 else []
        lines += [f" switchport trunk native vlan {port.native}"] if port.native != 1 else []
        lines += self.show_allowed(port)
        lines += [f" switchport mode {port.mode}"] if port.mode in {"access", "trunk"} else []
        lines += [] if port.enabled else [" shutdown"]
        return "\n".join(["Building configuration...", "", "Current configuration : 97 bytes", "!", *lines, "end", ""])

    def show_allowed(self, port: Port, indent: str = " ") -> list[str]:
        if len(port.allowed) == 4094:
            return []
        parts = listing(port.allowed).split(",") if port.allowed else ["none"]
        chunks = [",".join(parts[at : at + 12]) for at in range(0, len(parts), 12)]
        return [
            f"{indent}switchport trunk allowed vlan {'add ' if at else ''}{chunk}" for at, chunk in enumerate(chunks)
        ]

    def set_port(self, state: State, port: Port, words: list[str]) -> str:
        match words:
            case ["shutdown"]:
                port.enabled = False
            case ["no", "shutdown"]:
                port.enabled = True
            case ["description", *rest]:
                port.description = " ".join(rest)
            case ["no", "description"]:
                port.description = ""
            case ["switchport"]:
                port.mode = "access" if port.mode == "routed" else port.mode
            case ["no", "switchport"]:
                port.mode = "routed"
            case ["switchport", *_] if port.mode == "routed":
                return "Command rejected: not a switching port."
            case ["switchport", "mode", ("access" | "trunk" | "dynamic") as mode, *_]:
                port.mode = mode
            case ["switchport", "access", "vlan", number]:
                return self.set_access(state, port, int(number))
            case ["switchport", "trunk", "native", "vlan", number]:
                port.native = min(ranges(number))
            case ["no", "switchport", "trunk", "native", "vlan", *_]:
                port.native = 1
            case ["switchport", "trunk", "allowed", "vlan", "add", text]:
                port.allowed |= ranges(text)
            case ["switchport", "trunk", "allowed", "vlan", "none"]:
                port.allowed = set()
            case ["switchport", "trunk", "allowed", "vlan", text]:
                port.allowed = ranges(text)
            case _:
                return INVALID
        return ""

    def set_access(self, state: State, port: Port, vlan: int) -> str:
        port.access = min(ranges(str(vlan)))
        if vlan in state.vlans:
            return ""
        state.vlans.add(vlan)
        return f"% Access VLAN does not exist. Creating vlan {vlan}"


class NxosSwitch(IosSwitch):
    """A Nexus, which prints defaults when it is asked for `all`."""

    wants_enable = False
    entering = "Enter configuration commands, one per line. End with CNTL/Z."
    locked_text = "ERROR: Configuration is locked by another session"
    no_new_vlans = "ERROR: VLAN creation is not allowed on a VTP client"
    saving: ClassVar = {
        "copy running-config startup-config": "[########################################] 100%\nCopy complete."
    }
    shown = r"show running-config interface (\S+) all"

    def show_port(self, name: str, port: Port) -> str:
        lines = [
            f"interface {name}",
            *([f"  description {port.description}"] if port.description else []),
            "  no switchport" if port.mode == "routed" else "  switchport",
            f"  switchport mode {'access' if port.mode == 'routed' else port.mode}",
            f"  switchport access vlan {port.access}",
            f"  switchport trunk native vlan {port.native}",
            *(self.show_allowed(port, "  ") or ["  switchport trunk allowed vlan 1-4094"]),
            f"  {'no ' if port.enabled else ''}shutdown",
            "  cdp enable",
        ]
        head = [
            "!Command: show running-config interface all",
            "!Time: Sun Nov 22 00:00:00 2026",
            "",
            "version 9.3(5)",
            "",
        ]
        return "\n".join([*head, *lines, ""])

    def set_access(self, state: State, port: Port, vlan: int) -> str:
        port.access = min(ranges(str(vlan)))
        return "" if vlan in state.vlans else "Warning: Access VLAN does not exist"
