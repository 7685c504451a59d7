"""What all simulated switches have: ports, VLANs, faults. What a command means is each vendor's, in files beside this.

They are written from the vendors' command references and not from the driver's templates, so that a slip there is not
repeated here: each understands more than the driver says, and refuses what its vendor's would.
"""

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


class BreaksOffError(Exception):
    """The switch drops the session."""


@dataclass
class Port:
    """A port as the hardware has it. `allowed` is a trunk's, with the native VLAN when it is carried."""

    enabled: bool = True
    description: str = ""
    mode: str = "access"
    access: int = 1
    native: int = 1
    allowed: set[int] = field(default_factory=lambda: set(range(1, 4095)))

    def carries(self) -> tuple[int | None, frozenset[int]]:
        """The VLAN that leaves without a tag, and those with one."""
        if self.mode == "access":
            return self.access, frozenset()
        if self.mode != "trunk":
            return None, frozenset()
        return (self.native if self.native in self.allowed else None), frozenset(self.allowed - {self.native})


@dataclass
class State:
    """A configuration."""

    ports: dict[str, Port]
    vlans: set[int]


@dataclass
class Faults:
    """What a switch may do wrong. `answers` replaces what it says to a line that begins so.

    `hangs_at` is a line to which it says nothing for `hangs_s` seconds.
    """

    delay_s: float = 0.0
    login_s: float = 0.0
    answers: dict[str, str] = field(default_factory=dict)
    breaks_off_at: str = ""
    reboots_at: str = ""
    ignores: str = ""
    hangs_at: str = ""
    hangs_s: float = 3600.0
    no_new_vlans: bool = False
    locked: bool = False
    silent: bool = False


class Device:
    """A switch with a command line. `said` are the lines that it was told, `most_sessions` those there were at once.

    `hears` is called before each line is obeyed.
    """

    user, password, enable_password = "admin", "secret", "enable secret"
    trusted_key = ""

    def __init__(self, ports: Mapping[str, Port], vlans: set[int]) -> None:
        self.running = State(dict(ports), set(vlans))
        self.startup = copy.deepcopy(self.running)
        self.faults = Faults()
        self.said: list[str] = []
        self.saves = 0
        self.sessions = self.most_sessions = 0
        self.hears: Callable[[], object] = lambda: None

    def shell(self) -> "Shell":
        """A new session's command line."""
        raise NotImplementedError

    def save(self) -> None:
        self.startup = copy.deepcopy(self.running)
        self.saves += 1

    def reboot(self) -> None:
        self.running = copy.deepcopy(self.startup)

    def port(self, name: str) -> tuple[bool, int | None, frozenset[int], str]:
        """What the hardware does: enabled, the VLAN without a tag, those with one, and the description."""
        port = self.running.ports[name]
        return port.enabled, *port.carries(), port.description

    def answer(self, shell: "Shell", line: str) -> str:
        """What the switch says to a line, its faults included."""
        line = line.strip()
        self.said.append(line)
        self.hears()
        faults = self.faults
        time.sleep(faults.delay_s)
        if faults.breaks_off_at and line.startswith(faults.breaks_off_at):
            raise BreaksOffError
        if faults.reboots_at and line.startswith(faults.reboots_at):
            self.reboot()
            raise BreaksOffError
        if faults.ignores and line.startswith(faults.ignores):
            return ""
        for beginning, text in faults.answers.items():
            if line.startswith(beginning):
                return text
        return shell.obey(line) if line else ""


class Shell:
    """One session."""

    def __init__(self, device: Device) -> None:
        self.device = device

    @property
    def prompt(self) -> str:
        raise NotImplementedError

    def obey(self, line: str) -> str:
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        """Whether it has logged out."""
        return False

    @property
    def hides(self) -> bool:
        """Whether what is typed is not echoed."""
        return False


def ranges(text: str, between: str = ",", to: str = "-") -> set[int]:
    """The VLANs in a list. Raises `ValueError` for what is none."""
    vlans = set[int]()
    for part in text.split(between):
        first, _, last = part.partition(to)
        vlans |= set(range(int(first), int(last or first) + 1))
    if not vlans or min(vlans) < 1 or max(vlans) > 4094:
        raise ValueError(text)
    return vlans


def listing(vlans: set[int] | frozenset[int], between: str = ",", to: str = "-") -> str:
    """A list of VLANs as switches print it."""
    parts, rest = list[str](), sorted(vlans)
    while rest:
        first = last = rest.pop(0)
        while rest and rest[0] == last + 1:
            last = rest.pop(0)
        parts.append(f"{first}" if first == last else f"{first}{to}{last}")
    return between.join(parts)
