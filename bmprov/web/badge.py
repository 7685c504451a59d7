"""The number beside `Health` in the menu of every page. No page waits for it: it is looked up behind their backs."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from bmprov.health import Checkup, Severity, troubles

BADGE_S = 10.0
"""How old the number may be before it is looked up again."""


@dataclass(frozen=True)
class Tally:
    """How many troubles there are."""

    errors: int = 0
    warnings: int = 0

    @property
    def all(self) -> int:
        """Both."""
        return self.errors + self.warnings


class Badge:
    """Knows the tally as it was some seconds ago. Threads may share it."""

    def __init__(self, checkup: Checkup, clock: Callable[[], float] = time.monotonic) -> None:
        self._checkup = checkup
        self._clock = clock
        self._lock = threading.Lock()
        self._known = Tally()
        self._look_at = float("-inf")

    def told(self) -> Tally:
        """The tally. When it is old, it is looked up for those who ask next."""
        with self._lock:
            old = self._clock() >= self._look_at
            if old:
                self._look_at = self._clock() + BADGE_S
        if old:
            threading.Thread(target=self.look, name="badge", daemon=True).start()
        return self._known

    def look(self) -> None:
        """Look it up now."""
        facts = self._checkup.facts()
        found = [trouble.severity for trouble in troubles(facts, facts.at)]
        self._known = Tally(found.count(Severity.ERROR), found.count(Severity.WARNING))
