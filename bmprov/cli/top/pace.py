"""How fast images are written, from what was seen of their bytes, and when to ask again."""

from collections import deque
from collections.abc import Iterable
from typing import Any

_WINDOW_S = 10.0
_ENOUGH_S = 0.9
_SHARE = 4
_PATIENT_S = 5.0


class Pace:
    """The rates of what is being written, each over the last ten seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def note(self, at: float, operations: Iterable[dict[str, Any]]) -> None:
        """What was told at `at`, a monotonic time in seconds. What is told no more is forgotten."""
        told = {one["id"]: one["progress"]["done_bytes"] for one in operations if one["progress"]}
        self._seen = {key: self._seen.get(key, deque()) for key in told}
        for key, done_bytes in told.items():
            seen = self._seen[key]
            if seen and done_bytes < seen[-1][1]:
                seen.clear()  # the machine has begun anew
            seen.append((at, done_bytes))
            while at - seen[0][0] > _WINDOW_S:
                seen.popleft()

    def of(self, operation_id: str) -> float | None:
        """Bytes a second; None until it was seen for long enough."""
        seen = self._seen.get(operation_id)
        if not seen:
            return None
        (began, first), (ended, last) = seen[0], seen[-1]
        return (last - first) / (ended - began) if ended - began >= _ENOUGH_S else None


def breather(every_s: float, took_s: float, failures: int) -> float:
    """How long to leave the service in peace: a slow one longer, and one that fails longer each time."""
    pause_s = max(every_s, _SHARE * took_s)
    return min(pause_s * 2.0 ** min(failures, 10), max(pause_s, _PATIENT_S)) if failures else pause_s
