"""What processes tell of themselves: that they live, what they have in hand, how the last sweep went. Records only."""

from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """The processes of a service."""

    API = "api"
    WORKER = "worker"
    WATCH = "watch"
    DHCP = "dhcp"
    TFTP = "tftp"
    HTTP = "http"
    DNS = "dns"
    CONSOLE = "console"


@dataclass(frozen=True)
class Sign:
    """What a process tells of itself. `doing` is the operation that a worker has in hand, since `doing_since`."""

    part: Part
    site: str
    name: str
    host: str
    pid: int
    since: float
    doing: str = ""
    doing_since: float | None = None


@dataclass(frozen=True)
class Doing:
    """What a process has in hand: an operation's id, since when."""

    operation_id: str = ""
    since: float | None = None


@dataclass(frozen=True)
class Sweep:
    """The last whole power sweep of a site: how many machines it read and how many of their BMCs answered."""

    site: str
    began_at: float
    ended_at: float
    machines: int
    answered: int

    @property
    def took_s(self) -> float:
        """How long it took."""
        return self.ended_at - self.began_at
