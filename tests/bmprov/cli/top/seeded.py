"""A hall in a store, as a day's work leaves it, and the API over it: `python -m tests.bmprov.cli.top.seeded COUNT`.

Run so, it serves until Ctrl-C and prints how to look at it.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from bmprov.api.app import create_app
from bmprov.api.credentials import issue
from bmprov.cli.login import Login
from bmprov.lifecycle import Event, Kind, State
from bmprov.model import Bmc, Machine, Nic, Operation, OperationState, PowerReading, Role, StepRun
from bmprov.orders import Orders
from bmprov.power import Power, PowerAction
from bmprov.queue import JobQueue
from bmprov.services import Services
from bmprov.settings import ConsoleSettings
from bmprov.store import Store
from bmprov.vault import Vault
from images.blobs import ImageStore
from tests import databases
from tests.valkey import valkey_server

GIB = 2**30
IN_RACK = 20


class Clock:
    """A clock that tests set back for what happened before."""

    def __init__(self) -> None:
        self.behind_s = 0.0

    def __call__(self) -> float:
        return time.time() - self.behind_s


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        pass


class Server:
    """The API on a port of loopback, which it keeps when it is stopped and started again."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self.port = 0

    def start(self) -> None:
        self._server = make_server("127.0.0.1", self.port, self._app, threaded=True, request_handler=_Silent)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass(frozen=True)
class Seeded:
    """The store, the queue, and what calls the API over them."""

    store: Store
    queue: JobQueue
    clock: Clock
    login: Login
    server: Server

    def machine(self, name: str) -> Machine:
        with self.store.read() as transaction:
            found = transaction.machines.named(name)
        assert found is not None
        return found


@contextmanager
def served(folder: Path, redis: str) -> Iterator[Seeded]:
    """The API over an empty store in `folder`."""
    clock = Clock()
    store, queue = Store(databases.sqlite(folder / "bmprov.db"), clock=clock), JobQueue(redis)
    Vault.create_file(folder / "secret.key")
    vault = Vault.from_file(folder / "secret.key")
    orders = Orders(store, vault, reservation_s=1800.0, freshness_s=90.0)
    services = Services(store, queue, orders, ImageStore(folder / "images"), vault, ConsoleSettings())
    with store.write() as transaction:
        token, secret = issue("the-viewer", Role.VIEWER, "", transaction.now)
        transaction.tokens.add(token)
    server = Server(create_app(services))
    server.start()
    try:
        yield Seeded(store, queue, clock, Login(f"http://127.0.0.1:{server.port}", secret), server)
    finally:
        server.stop()
        store.close()


def machine(number: int, state: State = State.AVAILABLE, power: Power = Power.OFF, now: float = 0.0) -> Machine:
    """The machine of this number: twenty to a rack, ten racks to a zone."""
    rack, unit = divmod(number, IN_RACK)
    return Machine(
        id=f"00000000-0000-4000-8000-{number:012x}",
        name=f"r{rack + 1:02d}-u{2 * (unit + 1):02d}",
        bmc=Bmc(f"ipmi://10.1.{rack}.{unit + 1}:623", "admin", b"sealed"),
        nics=(Nic(f"52:54:00:{rack // 256:02x}:{rack % 256:02x}:{unit:02x}", 0, netboot=True),),
        cpus=64,
        memory_mib=262_144,
        disk_gib=1920,
        tags=("ssd",) if unit % 2 else ("ssd", "gpu"),
        zone=f"fra{rack // 10 + 1}",
        rack=f"r{rack + 1:02d}",
        rack_position=2 * (unit + 1),
        state=state,
        reading=PowerReading(power, now),
    )


def fill(seeded: Seeded, count: int) -> None:
    """A hall of so many machines: most are active, some are at something, a few are wrong."""
    now = seeded.clock()
    with seeded.store.write() as transaction:
        for number in range(count):
            active = number % 5 not in (0, 3)
            state, power = (State.ACTIVE, Power.ON) if active else (State.AVAILABLE, Power.OFF)
            reading = "BMC 10.1.0.9 did not answer for 5 s: check its cable" if number % 97 == 8 else ""
            made = machine(number, State.ERROR if number % 61 == 11 else state, power, now - number % 30)
            transaction.machines.add(made)
            if reading:
                transaction.machines.swept(made, PowerReading(power, now - 400, reading))
            if number % 43 == 21:
                transaction.machines.set_maintenance(made, "a new fan is on its way", "maria")


def begin(seeded: Seeded, number: int, kind: Kind, ago_s: float, asked_by: str = "", **more: PowerAction) -> Operation:
    """Something begun on a machine `ago_s` seconds ago."""
    seeded.clock.behind_s = ago_s
    with seeded.store.write() as transaction:
        found = transaction.machines.named(machine(number).name)
        assert found is not None
        if kind is Kind.DEPLOY:
            transaction.machines.apply(found, Event.RESERVE)
            found = transaction.machines.get(found.id) or found
        begun = transaction.operations.begin(kind, found, "cloud1", asked_by=asked_by, **more)
    seeded.clock.behind_s = 0.0
    return begun


def wait(seeded: Seeded, operation: Operation, step: str, what: str, left_s: float) -> None:
    """Let it wait in a step."""
    now = seeded.clock()
    with seeded.store.write() as transaction:
        mine = transaction.operations.claim(operation.id, "worker-1", 60.0)
        assert mine is not None
        for number, name in enumerate(("allocate", "boot device", "power cycle")):
            at = operation.created_at + number
            transaction.operations.record(mine, StepRun(name, 1, at, at + 0.8, "done", ""))
        transaction.operations.wait(mine, StepRun(step, 1, now - 40, now, "wait", what), now + left_s, now + left_s)


def end(seeded: Seeded, operation: Operation, ago_s: float, error: str = "", check: str = "") -> None:
    """Let it end `ago_s` seconds ago."""
    seeded.clock.behind_s = ago_s
    with seeded.store.write() as transaction:
        found = transaction.machines.get(operation.machine_id)
        assert found is not None
        state = OperationState.FAILED if error else OperationState.SUCCEEDED
        transaction.operations.finish(operation, found, state, error=error, check=check)
    seeded.clock.behind_s = 0.0


def days_work(seeded: Seeded) -> None:
    """Operations of every kind on the first rack, as one evening has them."""
    asked = "anna@ROOT/web (User)"
    writing = begin(seeded, 0, Kind.DEPLOY, 200, asked)
    wait(seeded, writing, "wait for the image", "the image to be written", 1500)
    seeded.queue.set_progress(writing.id, int(1.7 * GIB), 4 * GIB)
    booting = begin(seeded, 3, Kind.DEPLOY, 95, "jon@ROOT (RootAdmin)")
    wait(seeded, booting, "wait for the ramdisk", "the ramdisk to call", 812)
    begin(seeded, 10, Kind.INSPECT, 2)
    retried = begin(seeded, 6, Kind.POWER, 14, asked, action=PowerAction.CYCLE)
    with seeded.store.write() as transaction:
        mine = transaction.operations.claim(retried.id, "worker-2", 60.0)
        assert mine is not None
        now = seeded.clock()
        run = StepRun("power cycle", 2, now - 5, now, "retry", "BMC 10.1.0.7 did not answer for 5 s")
        transaction.operations.retry(mine, run, now + 20)
    end(seeded, begin(seeded, 15, Kind.DEPLOY, 900, asked), 310, "the ramdisk did not call within 900 s", "its console")
    end(seeded, begin(seeded, 18, Kind.DEPLOY, 700, "jon@ROOT (RootAdmin)"), 120)
    end(seeded, begin(seeded, 1, Kind.POWER, 70, action=PowerAction.ON), 60)
    with seeded.store.write() as transaction:
        for what, name, detail in (
            ("out-of-band power off", "r01-u06", "it was on at 06:12:08"),
            ("maintenance set", "r02-u04", "a new fan is on its way"),
        ):
            transaction.events.add(what, actor="bmprov", machine=name, detail=detail)


def main() -> None:
    """Serve a hall to look at."""
    with tempfile.TemporaryDirectory() as folder, valkey_server() as redis, served(Path(folder), redis) as seeded:
        fill(seeded, int(sys.argv[1]))
        days_work(seeded)
        print(f"BMPROV_ENDPOINT={seeded.login.endpoint} BMPROV_TOKEN={seeded.login.token} bmprov top", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
