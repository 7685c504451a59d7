"""A switch with HPE Comware 7: user view `<sw>`, system view `[sw]`, `undo` instead of `no`, and lists with `to`."""

import re

from tests.sim_switch.device import Device, Port, Shell, listing, ranges

WRONG = " % Wrong parameter found at '^' position."
UNKNOWN = " % Unrecognized command found at '^' position."


class ComwareSwitch(Device):
    """A FlexFabric. `flashes` are the VLANs that ports carried at any moment while they were enabled."""

    hostname = "HPE"

    def __init__(self, ports: dict[str, Port], vlans: set[int]) -> None:
        super().__init__(ports, vlans)
        self.flashes = set[int]()
        for port in ports.values():
            port.allowed = {1}

    def shell(self) -> Shell:
        return ComwareShell(self)


class ComwareShell(Shell):
    """One session."""

    device: ComwareSwitch

    def __init__(self, device: ComwareSwitch) -> None:
        super().__init__(device)
        self.view = ""
        self.port: Port | None = None
        self.gone = False

    @property
    def ended(self) -> bool:
        return self.gone

    @property
    def prompt(self) -> str:
        name = f"{self.device.hostname}{self.view.removeprefix('system')}"
        return f"[{name}]" if self.view else f"<{name}>"

    def obey(self, line: str) -> str:
        if line.startswith("display "):
            return self.display(line)
        if line == "return":
            self.view = ""
            return ""
        if line == "quit":
            self.gone = not self.view
            self.view = "" if self.view == "system" else "system"
            return ""
        if not self.view:
            return self.user_view(line)
        return self.system_view(line)

    def user_view(self, line: str) -> str:
        match line:
            case "screen-length disable":
                return ""
            case "system-view" if self.device.faults.locked:
                return "The configuration is locked by another user."
            case "system-view":
                self.view = "system"
                return "System View: return to User View with Ctrl+Z."
            case "save force":
                self.device.save()
                return (
                    "Validating file. Please wait...\nSaved the current configuration to mainboard device successfully."
                )
        return UNKNOWN

    def system_view(self, line: str) -> str:
        words = line.split()
        match words:
            case ["vlan", number]:
                if self.device.faults.no_new_vlans and int(number) not in self.device.running.vlans:
                    return " % Too many VLANs."
                self.device.running.vlans.add(min(ranges(number)))
                self.view = f"system-vlan{number}"
                return ""
            case ["interface", name]:
                if name not in self.device.running.ports:
                    return WRONG
                self.port = self.device.running.ports[name]
                self.view = f"system-{name}"
                return ""
        if self.port is None or "-" not in self.view:
            return UNKNOWN
        try:
            told = self.set_port(self.port, words)
        except ValueError:
            return WRONG
        untagged, tagged = self.port.carries()
        if self.port.enabled:
            self.device.flashes |= tagged | ({untagged} if untagged else set())
        return told

    def set_port(self, port: Port, words: list[str]) -> str:
        match words:
            case ["shutdown"]:
                port.enabled = False
            case ["undo", "shutdown"]:
                port.enabled = True
            case ["description", *rest]:
                port.description = " ".join(rest)
            case ["undo", "description"]:
                port.description = ""
            case ["port", "link-mode", "bridge"]:
                port.mode = "access"
            case _ if port.mode == "routed":
                return UNKNOWN
            case ["port", "link-type", ("access" | "trunk" | "hybrid") as kind]:
                if kind != port.mode:
                    port.mode, port.access, port.native, port.allowed = kind, 1, 1, {1}
            case ["port", "access", "vlan", number] if port.mode == "access":
                if int(number) not in self.device.running.vlans:
                    return " The specified VLAN does not exist."
                port.access = int(number)
            case ["port", "trunk", "pvid", "vlan", number] if port.mode == "trunk":
                port.native = min(ranges(number))
            case ["undo", "port", "trunk", "pvid"] if port.mode == "trunk":
                port.native = 1
            case ["port", "trunk", "permit", "vlan", *rest] if port.mode == "trunk":
                return self.permit(port, " ".join(rest))
            case ["undo", "port", "trunk", "permit", "vlan", "all"] if port.mode == "trunk":
                port.allowed = set()
            case ["undo", "port", "trunk", "permit", "vlan", *rest] if port.mode == "trunk":
                port.allowed -= ranges(" ".join(rest).replace(" to ", "-"), " ")
            case _:
                return UNKNOWN
        return ""

    @staticmethod
    def permit(port: Port, text: str) -> str:
        vlans = set(range(1, 4095)) if text == "all" else ranges(text.replace(" to ", "-"), " ")
        if len(text.replace(" to ", "-").split()) > 10:
            return " % Too many parameters found at '^' position."
        port.allowed |= vlans
        return ""

    def display(self, line: str) -> str:
        state = self.device.running
        if line == "display vlan brief":
            head = ["Brief information about all VLANs:", "Supported Minimum VLAN ID: 1", "Default VLAN ID: 1"]
            rows = [f"{vlan:<10}VLAN {vlan:04}                        GE1/0/1" for vlan in sorted(state.vlans)]
            return "\n".join([*head, "VLAN ID   Name                             Port", *rows])
        found = re.fullmatch(r"display current-configuration interface (\S+)", line)
        if not found or found[1] not in state.ports:
            return WRONG
        port = state.ports[found[1]]
        lines = [f"interface {found[1]}", f" port link-mode {'route' if port.mode == 'routed' else 'bridge'}"]
        lines += [f" description {port.description}"] if port.description else []
        if port.mode == "access" and port.access != 1:
            lines.append(f" port access vlan {port.access}")
        if port.mode == "trunk":
            lines += [" port link-type trunk", *([] if 1 in port.allowed else [" undo port trunk permit vlan 1"])]
            named = listing(port.allowed - {1}, " ", " to ")
            lines += [f" port trunk permit vlan {named}"] if named else []
            lines += [f" port trunk pvid vlan {port.native}"] if port.native != 1 else []
        lines += [] if port.enabled else [" shutdown"]
        return "\n".join(["#", *lines, "#", "return"])
