"""What happened to a machine, in seconds since it was switched on: from its BMC's notes and the services' logs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.lab.qemu import Hardware

_START = "starts"
_WHOSE = ("mac", "machine", "client")
"""Keys of a log line that say which machine it is about: a TFTP server knows its address only."""


@dataclass(frozen=True, order=True)
class Event:
    """Something that happened `at` this time (seconds since the epoch)."""

    at: float
    what: str


def timeline(machine: Hardware, logs: Path) -> list[Event]:
    """All events of a machine, in their order: from its BMC and from the logs of the services."""
    told = [line for log in logs.glob("pxe-*.log") for line in _lines(log)]
    addresses = {line["address"] for line in told if line.get("mac") in machine.macs and "address" in line}
    known = {*machine.macs, machine.folder.name, *addresses}
    of_it = [line for line in told if known & {line.get(key) for key in _WHOSE}]
    return sorted([*_noted(machine.folder / "events"), *map(_event, of_it)])


def is_start(event: Event) -> bool:
    """Whether the machine got power then, or began again."""
    return event.what.startswith(_START)


def since_power_on(events: list[Event]) -> list[Event]:
    """What came after the machine's first start, with times in seconds from there; nothing if it was never started."""
    began = next((event.at for event in events if is_start(event)), float("inf"))
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


def _lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def _event(told: dict[str, Any]) -> Event:
    dull = {"timestamp", "level", "event", "mac", "machine", "operation"}
    words = [told["event"], *(f"{key}={value}" for key, value in told.items() if key not in dull)]
    return Event(datetime.fromisoformat(told["timestamp"]).timestamp(), " ".join(words))
