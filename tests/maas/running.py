"""A region that runs: for a test in a thread of its own, with what the test may look at and change.

with region(machines=10) as maas:
    maas.machine("node0003").bmc.fails = "connection timed out"
    client = connect(maas.url, maas.key)
"""

import asyncio
import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tests.maas.machine import Machine
from tests.maas.power import Timings
from tests.maas.region import Region, User
from tests.maas.server import Counts, Faults, Server
from tests.maas.status import NodeStatus

Told = TypeVar("Told")
_LONG_S = 10.0
_GLANCE_S = 0.005


class RunningRegion:
    """The handle of a region. `key` is an administrator's.

    `faults`, `counts`, `timings` and the attributes of a machine may be read and changed at any time; whatever does
    more than that goes through `change`, between two calls.
    """

    def __init__(self, timings: Timings, port: int) -> None:
        self.model = Region(timings)
        self.faults = Faults()
        self.counts = Counts()
        self.timings = timings
        self.admin = User("admin")
        self._key = self.model.add_key(self.admin)
        self.port = port
        self._server = Server(self.model, self.faults, self.counts)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="MAAS", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/MAAS"

    @property
    def key(self) -> str:
        return str(self._key)

    def start(self) -> None:
        """Listen, on the same port again if it has before."""
        self.port = asyncio.run_coroutine_threadsafe(self._server.start(self.port), self._loop).result(_LONG_S)

    def stop(self) -> None:
        """Be away: the port is closed, connections are cut, nothing is forgotten, machines go on."""
        asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(_LONG_S)

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def change(self, act: Callable[[], Told]) -> Told:
        """Do something where the region does all it does, and nothing meanwhile."""

        async def run() -> Told:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_LONG_S)

    def add_machine(self, hostname: str = "", **facts: object) -> Machine:
        return self.change(lambda: self.model.add_machine(hostname, **facts))  # type: ignore[arg-type]

    @property
    def machines(self) -> list[Machine]:
        return list(self.model.machines.values())

    def machine(self, name: str) -> Machine:
        """A machine by its host name or system ID."""
        return next(one for one in self.machines if name in (one.hostname, one.system_id))

    def wait(self, name: str, status: NodeStatus, within_s: float = _LONG_S) -> Machine:
        """Return once a machine has a status."""
        by = time.monotonic() + within_s
        machine = self.machine(name)
        while machine.status is not status:
            assert time.monotonic() < by, f"{name} is {machine.status!r}, not {status!r}"
            time.sleep(_GLANCE_S)
        return machine

    def user_data(self, name: str) -> bytes:
        """What the machine's cloud-init is given."""
        return base64.b64decode(self.machine(name).user_data or "")

    # --- What others do ---

    def new_key(self, user: str = "admin", *, is_admin: bool = True) -> str:
        """A further key, of a new user if wanted."""
        return str(self.change(lambda: self.model.add_key(User(user, is_admin))))

    def revoke(self, key: str) -> None:
        """The key is valid no more."""
        self.change(lambda: self.model.keys.pop(key.split(":")[1]))

    def delete(self, name: str) -> None:
        """Somebody deletes the machine."""
        self.change(lambda: self.model.remove(self.machine(name)))

    def grab(self, name: str, user: str = "somebody") -> None:
        """Somebody takes the machine, whoever has it."""

        def grab() -> None:
            machine = self.machine(name)
            self.model.control.stop(machine)
            self.model.deployment.acquire(machine, user)

        self.change(grab)

    def release(self, name: str, user: str = "somebody") -> None:
        """Somebody releases the machine in MAAS's own page."""

        def release() -> None:
            if after := self.model.releases.release(self.machine(name), user):
                self.model.control.meanwhile(after())

        self.change(release)


@contextmanager
def region(machines: int = 0, timings: Timings | None = None, *, port: int = 0) -> Iterator[RunningRegion]:
    """A region on a free port or this one, with so many machines of two NICs each that are Ready and off."""
    running = RunningRegion(timings or Timings(), port)
    for _ in range(machines):
        running.model.add_machine()
    running.start()
    try:
        yield running
    finally:
        running.close()
