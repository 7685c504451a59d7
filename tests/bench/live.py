"""Open pages: how soon they hear of a commit, what two hundred of them cost, and whether the extension notices them.

All pages show the hall, and all are read by this process, which shares the machine with the service. There is no peer:
what CloudStack's operators have today reloads its page.
"""

import contextlib
import selectors
import socket
import ssl
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from bmprov.deadline import Deadline
from bmprov.model import Machine, Person, Role
from bmprov.orders import Browser
from bmprov.orders.signing_in import enter
from bmprov.store import Store
from bmprov.web.people import cookies
from tests.bench.extension import add_instances, call, run_timed
from tests.bench.measure import BenchError, cpu_seconds, memory_bytes, percentile, wait_for
from tests.bench.service import Service, running
from tests.conftest import Postgres

STREAMS = 200
MACHINES = 1000
HOST = "bench-hall"
_HEARD_S = 30.0
_CHANGE = b"event: regions"


class Pages:
    """Open pages, read by a thread: when each of them heard of a change."""

    def __init__(self, service: Service, secret: str, number: int) -> None:
        target = service.admin.target("/live/hall?etag=")
        trust = ssl.create_default_context(cafile=service.admin.ca)
        asked = f"GET {target.path} HTTP/1.1\r\nHost: h\r\nCookie: {cookies.SESSION}={secret}\r\n\r\n".encode()
        self._selector = selectors.DefaultSelector()
        self._ended = False
        self.answered = 0
        self.heard: list[float] = []
        for _ in range(number):
            raw = socket.create_connection((target.host, target.port), _HEARD_S)
            connection = trust.wrap_socket(raw, server_hostname=target.host)
            connection.sendall(asked)
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        wait_for(lambda: self.answered >= number, "the pages' first message", Deadline.after(_HEARD_S))

    def close(self) -> None:
        """Close them all."""
        self._ended = True
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr] # they are sockets
        self._selector.close()

    def _read(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select(0.1):
                with contextlib.suppress(ssl.SSLWantReadError):
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr] # as above
                    if not data:
                        raise BenchError("the service has ended a stream: look into its log")
                    now = time.monotonic()
                    self.heard += [now] * data.count(_CHANGE)
                    self.answered += data.count(b"event: resync")


def bench_live(
    streams: int = STREAMS, machines: int = MACHINES, changes: int = 60, seconds: float = 15.0, calls: int = 15
) -> Iterator[str]:
    """Both databases; the cost and the extension on SQLite."""
    for database in ("SQLite", "PostgreSQL"):
        with _service(database) as service, closing(Store(service.database)) as store:
            secret, machine = _furnish(service, store, machines)
            yield f"## {database}: {streams} open pages of a hall of {machines} machines"
            with closing(Pages(service, secret, streams)) as pages:
                yield _latency(store, machine, pages, changes)
            if database == "SQLite":
                yield from _cost(service, store, machine, secret, streams, seconds)
                yield _extension(service, store, machine, secret, streams, calls)


def _latency(store: Store, machine: Machine, pages: Pages, changes: int) -> str:
    """From the end of the commit's call to the bytes at each page, one change at a time."""
    taken: list[float] = []
    for number in range(changes):
        time.sleep(0.05 + 0.37 * (number % 7) / 7)  # at any moment of the service's rhythm
        pages.heard.clear()
        _change(store, machine, number)
        committed = time.monotonic()
        wait_for(lambda: len(pages.heard) >= pages.answered, "a change at all pages", Deadline.after(_HEARD_S), 0.005)
        taken += [heard - committed for heard in pages.heard]
    return (
        f"from commit to page             p50 {1000 * statistics.median(taken):5.0f} ms   "
        f"p99 {1000 * percentile(taken, 99):5.0f} ms   ({len(taken)} arrivals)"
    )


def _cost(service: Service, store: Store, machine: Machine, secret: str, streams: int, seconds: float) -> Iterator[str]:
    yield f"whole service, no page          {_spent(service, seconds)}"
    with closing(Pages(service, secret, streams)):
        yield f"{streams} pages, nothing changes      {_spent(service, seconds)}"
        with _changing(store, machine):
            yield f"{streams} pages, 5 changes a second   {_spent(service, seconds)}"
    with _changing(store, machine):
        yield f"no page, 5 changes a second     {_spent(service, seconds)}"


def _spent(service: Service, seconds: float) -> str:
    cpu_s, began = cpu_seconds([service.pid]), time.monotonic()
    time.sleep(seconds)
    share = (cpu_seconds([service.pid]) - cpu_s) / (time.monotonic() - began)
    return f"CPU {100 * share:5.1f} % of one core   memory {memory_bytes([service.pid]) / 2**20:5.0f} MiB"


def _extension(service: Service, store: Store, machine: Machine, secret: str, streams: int, calls: int) -> str:
    """`status` as CloudStack calls it, in turns without and with the pages, with five changes a second either way."""
    command = call(service, "status", HOST)
    without, beside = [], []
    with _changing(store, machine):
        for _ in range(calls):
            without.append(run_timed(command)[0])
            with closing(Pages(service, secret, streams)):
                beside.append(run_timed(command)[0])
    alone_ms, beside_ms = statistics.median(without), statistics.median(beside)
    return (
        f"the extension's status          {alone_ms:5.0f} ms without pages   {beside_ms:5.0f} ms beside {streams}   "
        f"ratio {beside_ms / alone_ms:.2f}"
    )


@contextmanager
def _changing(store: Store, machine: Machine) -> Iterator[None]:
    """Five commits a second, each of which changes what the pages show."""
    ended = threading.Event()

    def change() -> None:
        number = 0
        while not ended.wait(0.2):
            number += 1
            _change(store, machine, number)

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _change(store: Store, machine: Machine, number: int) -> None:
    with store.write() as transaction:
        transaction.machines.set_maintenance(machine, f"reason {number}", "bench")


@contextmanager
def _service(database: str) -> Iterator[Service]:
    with ExitStack() as ended:
        settings = ""
        if database == "PostgreSQL":
            home = ended.enter_context(tempfile.TemporaryDirectory(prefix="bench-postgres-"))
            server = Postgres(Path(home), durable=True)
            server.start()
            ended.callback(server.stop)
            settings = f'database = "{server.create_database()}"\n'
        yield ended.enter_context(running("--sim", "0", settings=settings))


def _furnish(service: Service, store: Store, machines: int) -> tuple[str, Machine]:
    """A hall, and a viewer's session; the machine that will change."""
    add_instances(service, machines, HOST)
    with store.write() as transaction:
        person = Person(str(uuid.uuid4()), "bench", Role.VIEWER)
        transaction.people.add(person)
        secret = enter(transaction, person, Browser("127.0.0.1", "bench"), 86_400.0, "by a bench").secret
        return secret, transaction.machines.all()[0]
