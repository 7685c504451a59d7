"""Switches whose command line is a Linux shell: SONiC with its `config` and databases, Cumulus Linux with NVUE."""

import copy
import json
import re
import shlex

from tests.sim_switch.device import Device, Port, Shell, listing, ranges


class ShellSwitch(Device):
    """Logs in to a shell."""

    hostname = ""

    def shell(self) -> Shell:
        return LinuxShell(self)

    def run(self, words: list[str]) -> str:
        raise NotImplementedError


class LinuxShell(Shell):
    """One session."""

    device: ShellSwitch
    gone = False

    @property
    def ended(self) -> bool:
        return self.gone

    @property
    def prompt(self) -> str:
        return f"{self.device.hostname}:~$ "

    def obey(self, line: str) -> str:
        self.gone = line == "exit"
        return "" if self.gone else self.device.run(shlex.split(line))


class SonicSwitch(ShellSwitch):
    """SONiC: a port that is no VLAN's member is routed."""

    hostname = "admin@sonic"

    def __init__(self, ports: dict[str, Port], vlans: set[int]) -> None:
        super().__init__(ports, vlans)
        self.members: dict[tuple[int, str], str] = {(1, name): "untagged" for name in ports}
        self.kept = copy.deepcopy((self.members, self.running))

    def save(self) -> None:
        self.kept = copy.deepcopy((self.members, self.running))
        self.saves += 1

    def reboot(self) -> None:
        self.members, self.running = copy.deepcopy(self.kept)

    def port(self, name: str) -> tuple[bool, int | None, frozenset[int], str]:
        vlans = {vlan: tag for (vlan, port), tag in self.members.items() if port == name}
        port = self.running.ports[name]
        untagged = min((vlan for vlan, tag in vlans.items() if tag == "untagged"), default=None)
        return (
            port.enabled,
            untagged,
            frozenset(vlan for vlan, tag in vlans.items() if tag == "tagged"),
            port.description,
        )

    def run(self, words: list[str]) -> str:
        match words:
            case ["sudo", "-n", *_] if self.faults.locked:
                return (
                    "Error: configuration is locked by another session (ada)"
                    if words[2] == "config"
                    else self.root(words[2:])
                )
            case ["sudo", "-n", *rest]:
                return self.root(rest)
        return f"-bash: {words[0]}: command not found"

    def root(self, words: list[str]) -> str:
        ports, vlans = self.running.ports, self.running.vlans
        match words:
            case ["sonic-cfggen", "-d", "--var-json", table]:
                return self.table(table)
            case ["config", "vlan", "add", number]:
                if self.faults.no_new_vlans:
                    return "Error: Vlan limit reached"
                if int(number) in vlans:
                    return f"Error: Vlan{number} already exists."
                vlans.add(min(ranges(number)))
            case ["config", "vlan", "member", "add", *flags, number, name]:
                if int(number) not in vlans:
                    return f"Error: Vlan{number} does not exist"
                if name not in ports:
                    return f"Error: Invalid interface {name}"
                if (int(number), name) in self.members:
                    return f"Error: {name} is already a member of Vlan{number}"
                untagged = flags in (["-u"], ["--untagged"])
                if untagged and any(port == name and tag == "untagged" for (_, port), tag in self.members.items()):
                    return f"Error: {name} is already untagged member!"
                self.members[int(number), name] = "untagged" if untagged else "tagged"
            case ["config", "vlan", "member", "del", number, name]:
                if not self.members.pop((int(number), name), ""):
                    return f"Error: {name} is not a member of Vlan{number}"
            case ["config", "interface", ("startup" | "shutdown") as what, name]:
                ports[name].enabled = what == "startup"
            case ["sonic-db-cli", "CONFIG_DB", "hset", key, "description", text]:
                ports[key.removeprefix("PORT|")].description = text
                return "1"
            case ["sonic-db-cli", "CONFIG_DB", "hdel", key, "description"]:
                ports[key.removeprefix("PORT|")].description = ""
                return "1"
            case ["config", "save", "-y"]:
                self.save()
                return "Running command: /usr/local/bin/sonic-cfggen -d --print-data > /etc/sonic/config_db.json"
            case _:
                return f"Usage: {words[0]} [OPTIONS] COMMAND [ARGS]..."
        return ""

    def table(self, name: str) -> str:
        rows: dict[str, dict[str, str]] = {}
        if name == "VLAN":
            rows = {f"Vlan{vlan}": {"vlanid": str(vlan)} for vlan in sorted(self.running.vlans)}
        if name == "VLAN_MEMBER":
            rows = {f"Vlan{vlan}|{port}": {"tagging_mode": tag} for (vlan, port), tag in self.members.items()}
        if name == "PORT":
            rows = {port: self.row(one) for port, one in self.running.ports.items()}
        return json.dumps(rows, indent=4) if rows else ""

    @staticmethod
    def row(port: Port) -> dict[str, str]:
        said = {"admin_status": "up" if port.enabled else "down", "lanes": "1", "mtu": "9100", "speed": "25000"}
        return said | ({"description": port.description} if port.description else {})


class CumulusSwitch(ShellSwitch):
    """Cumulus Linux 5: what is set counts when it is applied."""

    hostname = "cumulus@leaf01:mgmt"

    def __init__(self, ports: dict[str, Port], vlans: set[int]) -> None:
        super().__init__(ports, vlans)
        for port in ports.values():
            port.mode, port.access = "access", 1
        self.pending: dict[str, Port] | None = None
        self.pending_vlans = set[int]()

    def port(self, name: str) -> tuple[bool, int | None, frozenset[int], str]:
        port = self.running.ports[name]
        native = port.native or None
        untagged = port.access if port.mode == "access" else native
        tagged = frozenset(port.allowed - {port.native}) if port.mode == "trunk" else frozenset()
        return port.enabled, untagged, tagged, port.description

    def run(self, words: list[str]) -> str:
        if self.pending is None:
            self.pending, self.pending_vlans = copy.deepcopy(self.running.ports), set(self.running.vlans)
        match words:
            case ["nv", "show", "interface", name, "link", "-o", "json"]:
                return (
                    json.dumps({"state": {"up": {}}})
                    if name in self.running.ports
                    else "Error: The requested item does not exist."
                )
            case ["nv", "config", "show", "-o", "commands"]:
                return "\n".join(self.commands())
            case ["nv", "config", "apply", "-y"]:
                return self.apply(self.pending)
            case ["nv", "config", "detach"]:
                self.pending = None
                return "Success, detached pending config 'rev_id: 7'"
            case ["nv", "config", "save"]:
                self.save()
                return "saved"
            case ["nv", ("set" | "unset") as verb, *path]:
                try:
                    return self.change(verb == "set", path, self.pending)
                except ValueError:
                    return "Error: Invalid parameter"
        return f"-bash: {words[0]}: command not found"

    def apply(self, pending: dict[str, Port]) -> str:
        if self.faults.locked:
            return "Error: another apply is in progress, by ada"
        if self.faults.no_new_vlans and self.pending_vlans - self.running.vlans:
            return "Invalid config [rev_id: 7]\n  The number of VLANs exceeds the maximum"
        for name, port in pending.items():
            if port.mode == "access" and port.access not in self.pending_vlans:
                return f"Invalid config [rev_id: 7]\n  {name}: VLAN {port.access} is not in the bridge"
        self.running.ports, self.running.vlans = pending, self.pending_vlans
        self.pending = None
        return "applied [rev_id: 7]"

    def change(self, is_set: bool, path: list[str], pending: dict[str, Port]) -> str:  # noqa: FBT001 - set or unset
        match path:
            case ["bridge", "domain", "br_default", "vlan", text] if is_set:
                self.pending_vlans |= ranges(text)
                return ""
            case ["interface", name, *rest] if name in pending:
                return self.change_port(is_set, pending[name], rest)
        return "Error: The requested item does not exist."

    def change_port(self, is_set: bool, port: Port, rest: list[str]) -> str:  # noqa: FBT001 - as above
        match rest:
            case ["bridge", "domain", "br_default"] if not is_set:
                port.mode, port.access, port.native, port.allowed = "routed", 1, 1, set()
            case ["bridge", "domain", "br_default", "access", number] if is_set:
                port.mode, port.access = "access", min(ranges(number))
            case ["bridge", "domain", "br_default", "untagged", number] if is_set:
                port.mode, port.native = "trunk", 0 if number == "none" else min(ranges(number))
            case ["bridge", "domain", "br_default", "vlan", text] if is_set:
                port.mode = "trunk"
                port.allowed |= ranges(text)
            case ["link", "state", ("up" | "down") as state] if is_set:
                port.enabled = state == "up"
            case ["description", text] if is_set:
                port.description = text
            case ["description"] if not is_set:
                port.description = ""
            case _:
                return "Error: Invalid parameter"
        return ""

    def commands(self) -> list[str]:
        bridge = "bridge domain br_default"
        said = [f"nv set {bridge} vlan {listing(self.running.vlans)}"]
        alike: dict[str, list[str]] = {}
        for name, port in self.running.ports.items():
            lines = (
                [
                    f"description '{port.description}'"
                    if re.search(r"\W", port.description)
                    else f"description {port.description}"
                ]
                if port.description
                else []
            )
            lines += [f"link state {'up' if port.enabled else 'down'}"]
            if port.mode == "access":
                lines += [f"{bridge} access {port.access}"]
            if port.mode == "trunk":
                lines += [f"{bridge} untagged {port.native or 'none'}", f"{bridge} vlan {listing(port.allowed)}"]
            for line in lines:
                alike.setdefault(line, []).append(name)
        return [
            *said,
            *(f"nv set interface {','.join(names)} {line}" for line, names in alike.items()),
            "nv set system hostname leaf01",
        ]
