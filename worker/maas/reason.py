"""Why MAAS could not do something: what its last events say, and the end of what the failing script has written."""

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError
from bmprov.maas import MaasMachine, status_words
from worker.maas.place import Place

_EVENTS = 20
_BAD = {"ERROR", "CRITICAL", "WARNING"}
_EVENT_CHARS = 160
_LOG_CHARS = 400


def why_it_failed(place: Place, machine: MaasMachine, by: Deadline) -> str:
    """The reason in a sentence or two; what MAAS does not tell is left out."""
    said = [*_events(place, by), _log(place, by)]
    told = [one for one in dict.fromkeys(said) if one]
    silence = f"it is {status_words(machine.status)}, and MAAS does not say why"
    return "; ".join(told) or machine.error_description or machine.status_message or silence


def _events(place: Place, by: Deadline) -> list[str]:
    try:
        found = place.calls.events(place.system_id, _EVENTS, by)
    except BmprovError:
        return []
    bad = [" ".join(one.text.split())[:_EVENT_CHARS] for one in found if one.level.upper() in _BAD]
    return bad[:2]


def _log(place: Place, by: Deadline) -> str:
    try:
        text = place.calls.installation_log(place.system_id, by)
    except BmprovError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    end = " / ".join(lines[-6:])
    return f"its installation ended with: {end[-_LOG_CHARS:]}" if end else ""
