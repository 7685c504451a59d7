"""The BMC of a machine: what its power really is, and how it fails when a test wants it to."""

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum


class Power(StrEnum):
    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"
    ERROR = "error"


class BmcError(Exception):
    """The BMC did not do what it was asked."""


@dataclass
class Bmc:
    """One BMC. All may be changed at any time.

    `fails` is the text of its failure, `answers_after_s` how long each question takes, `obeys_after_s` how long after
    an order the power is as ordered; a guest that `ignores_soft` stays on when it is asked to shut down.
    """

    fails: str = ""
    answers_after_s: float = 0.0
    obeys_after_s: float = 0.0
    ignores_soft: bool = False
    orders: int = 0
    readings: int = 0
    _power: Power = Power.OFF
    _before: Power = Power.OFF
    _from: float = 0.0

    @property
    def power(self) -> Power:
        """What the power is, told by nobody."""
        return self._power if time.monotonic() >= self._from else self._before

    def switch(self, to: Power, after_s: float = 0.0) -> None:
        """Switch the power as somebody at the machine would."""
        self._before, self._power, self._from = self.power, to, time.monotonic() + after_s

    async def read(self) -> Power:
        """What it says that the power is.

        Raises:
            BmcError: it fails.
        """
        await self._asked()
        self.readings += 1
        return self.power

    def obeys_in_s(self) -> float:
        """How long it still takes until the power is as ordered."""
        return max(0.0, self._from - time.monotonic())

    async def order(self, to: Power, *, soft: bool = False, takes_s: float = 0.0) -> Power:
        """Order it to switch; what it reads right after.

        Raises:
            BmcError: it fails.
        """
        await self._asked()
        self.orders += 1
        if not (soft and self.ignores_soft):
            self.switch(to, max(self.obeys_after_s, takes_s))
        return self.power

    async def _asked(self) -> None:
        if self.answers_after_s:
            await asyncio.sleep(self.answers_after_s)
        if self.fails:
            raise BmcError(self.fails)
