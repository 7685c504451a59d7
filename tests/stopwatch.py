"""How long something took on this host, less what a busy host kept from it: that is no fault of what is tested."""

import threading
import time

_TICK_S = 0.01
_LATE_S = 0.03
_LONGEST_S = 120.0


class Stopwatch:
    """Runs from its making to the first `took_s`.

    A thread of its own sleeps and looks how late it wakes. What it was late, all threads of this process were. It is
    for tests of a few threads: many that work at once make it late too.
    """

    def __init__(self) -> None:
        self._withheld_s = 0.0
        self._ended = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._tick, name="stopwatch", daemon=True)
        self._thread.start()

    def took_s(self) -> float:
        """The seconds that counted."""
        took_s = time.monotonic() - self._began
        self._ended.set()
        self._thread.join()
        return took_s - self._withheld_s

    def _tick(self) -> None:
        slept_at = self._began
        while not self._ended.wait(_TICK_S) and slept_at < self._began + _LONGEST_S:
            now = time.monotonic()
            late_s = now - slept_at - _TICK_S
            self._withheld_s += late_s if late_s > _LATE_S else 0.0
            slept_at = now
