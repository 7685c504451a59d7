"""A wire without a network: a simulated BMC on a socket in memory, and a clock that only the waiting moves."""

from collections.abc import Callable
from typing import Self

from bmprov.deadline import Deadline


class Clock:
    """A clock that stands until somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def soon(self, seconds: float) -> Deadline:
        return Deadline.after(seconds, self)


class MemorySocket:
    """What `Wire` needs of a connected UDP socket. `lost` says of each datagram sent whether it never arrives."""

    def __init__(
        self,
        answer: Callable[[bytes, float], bytes | None],
        clock: Clock,
        *,
        delay_s: float = 0.0,
        lost: Callable[[], bool] = lambda: False,
    ) -> None:
        self.closed = False
        self._answer = answer
        self._clock = clock
        self._delay_s = delay_s
        self._lost = lost
        self._timeout_s = 0.0
        self._coming: list[tuple[float, bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def settimeout(self, seconds: float) -> None:
        self._timeout_s = seconds

    def send(self, datagram: bytes) -> None:
        if self._lost():
            return
        answer = self._answer(bytes(datagram), self._clock.now)
        if answer is not None and not self._lost():
            self._coming.append((self._clock.now + self._delay_s, answer))

    def recv(self, _size: int) -> bytes:
        if not self._coming or self._coming[0][0] > self._clock.now + self._timeout_s:
            self._clock.sleep(self._timeout_s)
            raise TimeoutError
        arrives_at, datagram = self._coming.pop(0)
        self._clock.now = max(self._clock.now, arrives_at)
        return datagram

    def close(self) -> None:
        self.closed = True
