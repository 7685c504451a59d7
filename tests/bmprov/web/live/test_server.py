"""Event streams of the real server, over TLS: they cost no thread, lose nothing, and go when they are to go."""

import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from bmprov.orders.signing_in import digest
from bmprov.store import Store
from bmprov.web.live.topic import page_state
from tests.bench.measure import read_tree, wait_for
from tests.bmprov.test_serve import THREADS, Server
from tests.bmprov.web.live.conftest import Serve
from tests.bmprov.web.live.listening import Notes, Reader, Said
from tests.bmprov.web.live.wire import Page, enrol, write
from tests.stopwatch import Stopwatch

SOON_S = 20.0


@contextmanager
def written(server: Server) -> Iterator[Store]:
    """The server's store, from outside."""
    with closing(Store(server.settings.database)) as store:
        yield store


def painted(store: Store) -> Reader:
    """What a page shows that is fetched now."""
    with store.read() as transaction:
        state = page_state("notes", Notes(), transaction)
    return Reader(state.etag, dict(state.regions))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_commit_reaches_an_open_page(serve: Serve, database: str) -> None:
    """Well within a second, from another process, with the headers that proxies and browsers need."""
    server = serve(postgresql=database == "postgresql")
    with written(server) as store:
        enrol(store, "m-1", "m-2")
        with closing(Page(server, painted(store).etag)) as page:
            assert page.status == HTTPStatus.OK
            assert page.headers["content-type"] == "text/event-stream"
            assert page.headers["x-accel-buffering"] == "no"
            assert page.headers["cache-control"] == "no-store"
            assert page.until("beat").etag == painted(store).etag
            watch = Stopwatch()
            write(store, "disk <b>swap</b>")
            said = page.next()
            assert watch.took_s() < 1.0
            assert said == Said("regions", {"m-1": "<p id=m-1>disk &lt;b&gt;swap&lt;/b&gt;</p>"}, painted(store).etag)


def test_two_hundred_pages_hold_no_thread(serve: Serve) -> None:
    """With two threads, the API answers as ever; all pages hear of a change; when they are gone nothing is left."""
    server = serve()
    with written(server) as store, ExitStack() as opened:
        enrol(store, "m-1")
        pages = [opened.enter_context(closing(Page(server, painted(store).etag))) for _ in range(200)]
        assert len(pages) > THREADS
        with closing(server.connect()) as connection:
            assert {server.ask(connection).status for _ in range(5)} == {HTTPStatus.OK}
        write(store, "fan")
        assert {page.next().etag for page in pages} == {painted(store).etag}


def test_connections_leave_nothing_behind(serve: Serve) -> None:
    """Five hundred that come and go, some in the middle of the handshake of the stream: no thread, no file stays."""
    server = serve()
    with written(server) as store:
        enrol(store, "m-1")
        with closing(Page(server)) as page:
            page.until("resync")
        before = _held(server)
        for number in range(500):
            page = Page(server, painted(store).etag)
            if number % 2:
                page.until("beat")
            page.close()
        # the server's own threads and their connections to the database come as they are needed
        wait_for(lambda: _held(server) < before + THREADS * 5, "the connections' end", Deadline.after(SOON_S))


def test_a_drop_loses_nothing(serve: Serve) -> None:
    """Five hundred changes while connections are cut at random, and two processes answer: in the end all is there."""
    server = serve(processes=2)
    chance = random.Random(7)
    with written(server) as store:
        enrol(store, "m-1", "m-2", "m-3")
        reader, cut = painted(store), threading.Event()
        writer = threading.Thread(target=_write_much, args=(store, cut), daemon=True)
        writer.start()
        connects = 0
        while writer.is_alive() or reader.etag != painted(store).etag:
            connects += 1
            with closing(Page(server, reader.etag)) as page, suppress(OSError):
                page.connection.settimeout(2.0)
                for _ in range(chance.randrange(6)):
                    reader.hear(next(page.said))
        writer.join()
        assert connects > 5
        assert (reader.resyncs, reader.regions) == (0, painted(store).regions)


def test_a_drop_while_machines_come_and_go(serve: Serve) -> None:
    """A page that cannot be mended region by region is asked to fetch itself."""
    server = serve()
    with written(server) as store:
        enrol(store, "m-1")
        shown = painted(store)
        with closing(Page(server, shown.etag)) as page:
            page.until("beat")
            enrol(store, "m-2")
            assert page.next().event == "resync"
        with closing(Page(server, seen=shown.etag, etag="older")) as page:
            assert page.next().event == "resync"


def test_the_last_event_counts_and_not_the_address(serve: Serve) -> None:
    """A browser that connects again by itself asks for the address that it has had from the beginning."""
    server = serve()
    with written(server) as store:
        enrol(store, "m-1")
        with closing(Page(server, "made up", seen=painted(store).etag)) as page:
            assert next(page.said).event == "beat"


def test_sigterm_ends_the_streams_at_once(serve: Serve) -> None:
    """Open pages do not hold up a restart."""
    server = serve(processes=2)
    with ExitStack() as opened:
        pages = [opened.enter_context(closing(Page(server))) for _ in range(20)]
        for page in pages:
            page.until("resync")
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(SOON_S) == 0
        assert time.monotonic() - began < 3.0
        for page in pages:
            page.rest()


def test_a_killed_process_is_another_ones_work(serve: Serve) -> None:
    """Its pages are cut off, come back to the process that takes its place, and lack nothing."""
    server = serve()
    with written(server) as store:
        enrol(store, "m-1")
        shown = painted(store)
        with closing(Page(server, shown.etag)) as page:
            page.until("beat")
            (worker,) = [one.pid for one in read_tree([server.process.pid]) if one.pid != server.process.pid]
            os.kill(worker, signal.SIGKILL)
            page.rest()
        write(store, "fan")
        with closing(Page(server, seen=shown.etag)) as page:
            assert page.next() == Said("regions", painted(store).regions, painted(store).etag)


def test_a_page_that_does_not_read_is_dropped(serve: Serve) -> None:
    """And holds up nobody."""
    server = serve()
    with written(server) as store:
        enrol(store, "m-1")
        with closing(Page(server, painted(store).etag)) as slow, closing(Page(server, painted(store).etag)) as quick:
            slow.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            for number in range(24):
                write(store, f"{number}" * 300_000)
                quick.next()
            wait_for(lambda: not _established(server, slow), "the drop", Deadline.after(SOON_S))


def test_who_says_something_on_a_stream_is_dropped(serve: Serve) -> None:
    """A page has nothing to say; whoever does would have the relay read for ever."""
    server = serve()
    with closing(Page(server)) as page:
        page.until("resync")
        page.connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert page.rest() == []


def test_an_ended_session_ends_the_stream(serve: Serve) -> None:
    """Within five seconds, with a word that lets the page ask for itself."""
    server = serve()
    with written(server) as store, closing(Page(server)) as page:
        page.until("resync")
        with store.write() as transaction:
            assert transaction.sessions.end(digest(server.session))
        began = time.monotonic()
        assert page.rest()[-1].event == "bye"
        assert time.monotonic() - began < 5.0


@pytest.mark.parametrize(("topic", "status"), [("nothing", 404), ("no/../notes", 404), ("", 404)])
def test_a_topic_that_is_not_there(serve: Serve, topic: str, status: int) -> None:
    with closing(Page(serve(), topic=topic)) as page:
        assert page.status == status


def test_a_path_leads_to_no_other_topic(serve: Serve) -> None:
    """`machine/…` is a topic, whatever comes behind it; of what is no machine, a page is told to fetch itself anew."""
    with closing(Page(serve(), topic="machine/../notes")) as page:
        said = page.next()
    assert (page.status, said.event, said.data) == (200, "resync", {})


def _write_much(store: Store, stop: threading.Event) -> None:
    for number in range(500):
        write(store, f"change {number}", f"m-{number % 3 + 1}")
        stop.wait(0.01)


def _held(server: Server) -> int:
    """Threads and open files of the server's processes."""
    pids = [one.pid for one in read_tree([server.process.pid])]
    tasks = sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in pids)
    return tasks + sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)


def _established(server: Server, page: Page) -> bool:
    """Whether the kernel has this connection on the server's side (proc(5), net/tcp: 01 is ESTABLISHED)."""
    ours, theirs = f":{server.port:04X}", f":{page.connection.getsockname()[1]:04X}"
    lines = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return any(line[1].endswith(ours) and line[2].endswith(theirs) and line[3] == "01" for line in lines)
