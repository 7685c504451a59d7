"""The BMC's event log (schemas LogService and LogEntry)."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from bmprov.sim.redfish.message import Answer, Document, Request
from bmprov.sim.redfish.resource import ROOT, Resource, Tree, collection, link, odata

_SERVICES = f"{ROOT}/Managers/1/LogServices"
SEL = f"{_SERVICES}/Sel"
_ENTRIES = f"{SEL}/Entries"
_CLEAR = f"{SEL}/Actions/LogService.ClearLog"
_MOST = 512
_CHANGED = "ResourceEvent.1.3.ResourceChanged"


class EventLog:
    """What has happened, the oldest forgotten first. `wall` gives seconds since the epoch."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._entries: deque[Document] = deque(maxlen=_MOST)
        self._last = 0

    def note(self, message: str, severity: str = "OK") -> None:
        """Put down an event."""
        self._last += 1
        path = f"{_ENTRIES}/{self._last}"
        told = odata(path, "LogEntry.v1_17_0", f"Event {self._last}")
        event = {"EntryType": "SEL", "Severity": severity, "Created": stamp(self._wall())}
        self._entries.append(told | event | {"Message": message, "MessageId": _CHANGED})

    def tree(self) -> Tree:
        """The resources of the log."""
        return {
            _SERVICES: Resource(lambda: collection(_SERVICES, "LogService", "Log Services", [SEL])),
            SEL: Resource(self._service),
            _ENTRIES: Resource(self._collection, member=self._entry),
            _CLEAR: Resource(post=self._clear),
        }

    def _service(self) -> Document:
        return odata(SEL, "LogService.v1_7_0", "System Event Log") | {
            "ServiceEnabled": True,
            "Status": {"State": "Enabled", "Health": "OK"},
            "LogEntryType": "SEL",
            "MaxNumberOfRecords": _MOST,
            "OverWritePolicy": "WrapsWhenFull",
            "DateTime": stamp(self._wall()),
            "DateTimeLocalOffset": "+00:00",
            "Entries": link(_ENTRIES),
            "Actions": {"#LogService.ClearLog": {"target": _CLEAR}},
        }

    def _collection(self) -> Document:
        told = collection(_ENTRIES, "LogEntry", "Events", [])
        return told | {"Members@odata.count": len(self._entries), "Members": list(self._entries)}

    def _entry(self, name: str) -> Resource | None:
        found = next((entry for entry in self._entries if entry["Id"] == name), None)
        return Resource(lambda: found) if found else None

    def _clear(self, _request: Request) -> Answer:
        self._entries.clear()
        return Answer(HTTPStatus.NO_CONTENT)


def stamp(seconds: float) -> str:
    """A time as Redfish has it (ISO 8601)."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
