"""Switches whose command line is of Cisco's kind, as their command references say: IOS, NX-OS, Arista EOS, Dell OS10.

The default VLAN is 1 everywhere. `Interface` commands are kept in `Port`; what a `show` prints is each vendor's.
"""

import copy
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


class EosShell(CiscoShell):
    """Knows configuration sessions: what is told counts at `commit`, `abort` drops it."""

    device: "EosSwitch"
    candidate: State | None = None

    @property
    def target(self) -> State:
        return self.candidate or self.device.running

    def execute(self, line: str, words: list[str]) -> str:
        if self.privileged and re.fullmatch(r"configure session \w+", line):
            if self.device.faults.locked:
                return "% Configuration is locked by user ada on vty4"
            self.candidate = self.device.pending or copy.deepcopy(self.device.running)
            self.device.pending, self.mode = self.candidate, f"(config-s-{words[2][:6]})"
            return ""
        return super().execute(line, words)

    def configure(self, line: str, words: list[str]) -> str:
        session = self.candidate is not None
        if session and line in {"commit", "abort"}:
            if line == "commit" and self.candidate:
                self.device.running = self.candidate
            self.candidate = self.device.pending = None
            self.mode = ""
            return ""
        return super().configure(line, words)


class EosSwitch(IosSwitch):
    """An Arista."""

    shown = r"show running-config interfaces (\S+)"
    saving: ClassVar = {"write memory": "Copy completed successfully."}
    no_new_vlans = "% Cannot create VLAN: limit reached"
    terminal: ClassVar = {"width": "Width set to 511 columns.", "length": "Pagination disabled."}
    pending: State | None = None

    def shell(self) -> Shell:
        return EosShell(self)

    def show_port(self, name: str, port: Port) -> str:
        lines = [
            f"interface {name}",
            *([f"   description {port.description}"] if port.description else []),
            *([] if port.enabled else ["   shutdown"]),
            *(["   no switchport"] if port.mode == "routed" else []),
            *([f"   switchport access vlan {port.access}"] if port.access != 1 else []),
            *([f"   switchport trunk native vlan {port.native}"] if port.native != 1 else []),
            *self.show_allowed(port, "   "),
            *(["   switchport mode trunk"] if port.mode == "trunk" else []),
        ]
        return "\n".join(lines)

    def set_access(self, state: State, port: Port, vlan: int) -> str:  # noqa: ARG002 - the base's
        port.access = min(ranges(str(vlan)))
        return ""


class Os10Switch(IosSwitch):
    """A Dell, whose trunks have their access VLAN as the native one, and whose lists of allowed VLANs grow."""

    hostname, after_prompt, wants_enable = "OS10", " ", False
    entering = ""
    locked_text = "% Error: configuration is locked by another session"
    no_new_vlans = "% Error: Maximum number of VLANs reached"
    creating = r"interface vlan ?(\d{1,4})"
    saving: ClassVar = {"write memory": ""}
    shown = r"show running-configuration interface (\S+)"

    def show(self, line: str) -> str:
        if line != "show vlan":
            told = super().show(line)
            return "% Error: Invalid interface" if told == INVALID and line.startswith("show running-conf") else told
        head = [
            "Codes: * - Default VLAN, M - Management VLAN, R - Remote Port Mirroring VLANs,",
            "Q: A - Access (Untagged), T - Tagged",
        ]
        rows = [
            f"{'*' if vlan == 1 else ' '}   {vlan:<6} {'Active' if vlan == 1 else 'Inactive':<40}"
            for vlan in sorted(self.running.vlans)
        ]
        return "\n".join([*head, "    NUM    Status    Description                     Q Ports", *rows])

    def show_port(self, name: str, port: Port) -> str:
        tagged = listing(port.allowed - {port.access}) if port.mode == "trunk" else ""
        lines = [
            f"interface {name}",
            *([f' description "{port.description}"'] if port.description else []),
            " no shutdown" if port.enabled else " shutdown",
            *([" no switchport"] if port.mode == "routed" else [f" switchport mode {port.mode}"]),
            *([] if port.mode == "routed" else [f" switchport access vlan {port.access}"]),
            *([f" switchport trunk allowed vlan {tagged}"] if tagged else []),
            " flowcontrol receive off",
        ]
        return "\n".join(["!", *lines])

    def set_port(self, state: State, port: Port, words: list[str]) -> str:
        match words:
            case ["description", *rest]:
                port.description = " ".join(rest).strip('"')
            case ["switchport", "mode", ("access" | "trunk") as mode]:
                if mode != port.mode:
                    port.mode, port.allowed = mode, set()
            case ["switchport", "access", "vlan", number]:
                port.allowed.discard(port.access)
                port.access = port.native = min(ranges(number))
                port.allowed.add(port.access)
            case ["switchport", "trunk", "allowed", "vlan", text] if port.mode == "trunk":
                if not ranges(text) <= state.vlans:
                    return "% Error: Vlan does not exist"
                port.allowed |= ranges(text) | {port.access}
            case ["no", "switchport", "trunk", "allowed", "vlan", text] if port.mode == "trunk":
                port.allowed = port.allowed - ranges(text) | {port.access}
            case ["switchport", *_] | ["no", "switchport", _, *_]:
                return "% Error: not possible on this port"
            case _:
                return super().set_port(state, port, words)
        return ""
