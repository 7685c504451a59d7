"""What was asked of a BMC, for those who want to know how much it costs."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Counts:
    """Counts from the BMC's start on."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By method and path, refused ones and those that met a fault included."""
    logins: int = 0
    """Sessions that were opened."""
    failed_logins: int = 0
    """Wrong users and passwords, of sessions and of Basic authentication."""
    most_sessions: int = 0
    """The most sessions that were open at once."""
    nmis: int = 0
    """Non-maskable interrupts that were asked for."""
