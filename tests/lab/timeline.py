"""What happened to a machine, in seconds since it was switched on: from its BMC's notes and the services' logs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_START = "starts"


@dataclass(frozen=True, order=True)
class Event:
    """Something that happened `at` this time (seconds since the epoch)."""

    at: float
    what: str


def timeline(machine: Path, logs: Path) -> list[Event]:
    """All events of the lab, in their order, from the folder of a machine and that of the logs."""
    return sorted([*_noted(machine / "events"), *(event for log in logs.glob("pxe-*.log") for event in _logged(log))])


def since_power_on(events: list[Event]) -> list[Event]:
    """What came after the machine's first start, with times in seconds from there; nothing if it was never started."""
    began = next((event.at for event in events if event.what.startswith(_START)), float("inf"))
    return [Event(event.at - began, event.what) for event in events if event.at >= began]


def seconds_to(events: list[Event], words: str) -> float:
    """When the first event with these words was, among those of `since_power_on`."""
    found = [event.at for event in events if words in event.what]
    assert found, f"nothing like '{words}' in:\n{printed(events)}"
    return found[0]


def printed(events: list[Event]) -> str:
    """One line for each event."""
    return "\n".join(f"{event.at:8.2f} s  {event.what}" for event in events)


def _noted(path: Path) -> Iterator[Event]:
    for line in path.read_text().splitlines():
        noted = json.loads(line)
        yield Event(noted["at"], noted["event"])


def _logged(path: Path) -> Iterator[Event]:
    for line in path.read_text().splitlines():
        if line.startswith("{"):
            told = json.loads(line)
            yield Event(datetime.fromisoformat(told["timestamp"]).timestamp(), _words(told))


def _words(told: dict[str, Any]) -> str:
    dull = {"timestamp", "level", "event", "mac", "machine", "operation"}
    return " ".join([told["event"], *(f"{key}={value}" for key, value in told.items() if key not in dull)])
