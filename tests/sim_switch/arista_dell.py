"""Switches whose command line is of Cisco's kind with ways of their own: Arista EOS and Dell OS10."""

import copy
import re
from typing import ClassVar

from tests.sim_switch.cisco import INVALID, CiscoShell, IosSwitch
from tests.sim_switch.device import Port, Shell, State, listing, ranges


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
