"""What a BMC can do besides power and boot device, and the protocol that every driver of it fulfils."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bmprov.deadline import Deadline


class Health(StrEnum):
    """How a sensor's reading or an event is judged by the BMC."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Sensor:
    """A sensor's reading with its unit, such as `42 °C`, `5400 RPM`, `12.1 V` or `present`."""

    name: str
    reading: str
    health: Health


@dataclass(frozen=True)
class LogEntry:
    """An entry of the BMC's event log. `at` is the BMC's own clock, ISO 8601 as far as it tells; it may be wrong."""

    at: str
    health: Health
    text: str


class ConsoleKind(StrEnum):
    """How a machine's console is reached. The first two are serial, and shown by `bmprov console`."""

    IPMI = "ipmi"
    SSH = "ssh"
    GRAPHICAL = "graphical"
    NONE = "none"


@dataclass(frozen=True)
class Console:
    """A console that a BMC offers.

    `address` is `ipmi://HOST:PORT`, `ssh://HOST:PORT`, or the `https://` page of the graphical one. `enter` is what is
    typed into the BMC's own shell to get from there to the machine; empty when SSH leads to the machine itself.
    """

    kind: ConsoleKind
    address: str = ""
    enter: str = ""

    @property
    def serial(self) -> bool:
        """Whether it is a serial one."""
        return self.kind in (ConsoleKind.IPMI, ConsoleKind.SSH)


class BmcTools(Protocol):
    """What operators ask of a BMC. Every method ends before its deadline and leaves no session open.

    Raises:
        BmcUnreachable, BmcBusy, BmcAuthFailed, BmcRefused: as `bmprov.power.PowerDriver` has them. What the BMC does
            not have at all is a `BmcRefused` that says so.
    """

    def nmi(self, by: Deadline) -> None:
        """Send a non-maskable interrupt: an operating system that is set up for it writes a crash dump."""
        ...

    def identify(self, seconds: int, by: Deadline) -> bool:
        """Light the machine's locator for so long; 0 ends it. False when the BMC knows no time, and it stays lit."""
        ...

    def sensors(self, by: Deadline) -> Sequence[Sensor]:
        """All sensors that have a reading."""
        ...

    def event_log(self, most: int, by: Deadline) -> Sequence[LogEntry]:
        """The newest entries of the event log, newest first."""
        ...

    def clear_event_log(self, by: Deadline) -> None:
        """Empty the event log."""
        ...

    def reset_bmc(self, by: Deadline) -> None:
        """Restart the BMC itself; the machine goes on. Returns when it is accepted."""
        ...

    def hardware(self, by: Deadline) -> Mapping[str, str]:
        """What the machine is: manufacturer, product, serial number and what else is told."""
        ...

    def macs(self, by: Deadline) -> Sequence[str]:
        """The MACs of the machine's NICs, in lower case with colons; none when the BMC does not tell."""
        ...

    def firmware(self, by: Deadline) -> Mapping[str, str]:
        """Versions by component."""
        ...

    def console(self, by: Deadline) -> Console:
        """The console that the BMC offers: a serial one if it has that, else its graphical one, else none."""
        ...
