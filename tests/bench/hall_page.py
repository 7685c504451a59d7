"""The hall's page with many machines: what the server takes for it, what is sent, and how a browser bears it.

The server is a real `serve`: gunicorn over TLS, SQLite. Beside it, in the same process, stands what one would write
first: whole machines and operations from the store, and a loop in a template. The browser is Debian's Chromium,
without a graphics card.
"""

import http.client
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from bmprov.store import Store
from bmprov.web.people import cookies
from tests import crowded_hall, databases
from tests.bench.measure import Latency, Target, http_load
from tests.bmprov.test_serve import Server, serving, settings_in
from tests.bmprov.web.signing_in import signed_in
from tests.browser import browser
from tests.valkey import valkey_server

SIZES = (1000, 10_000)
SECONDS = 8.0
LOADS = 5
FRAME_MS = 1000 / 60

_CODINGS = ("identity", "gzip", "zstd")

_PROGRAM = """
import logging, sys
from pathlib import Path
import structlog
from flask import render_template_string
from bmprov import serve
from bmprov.settings import load

NAIVE = '''<!doctype html><title>Hall</title><ul>{% for one in machines %}{% set operation = running.get(one.id) %}
<li id="m-{{ one.id }}" class="s-{{ one.state }} p-{{ one.reading.power }}">
<a href="/machines/{{ one.name }}">{{ one.name }}</a> {{ one.state }} {{ one.reading.power }} {{ one.maintenance }}
{{ one.reading.error }} {{ one.zone }} {{ one.rack }} {{ one.rack_position }}
{{ one.nics|map(attribute="mac")|join(" ") }} {{ one.bmc.address }} {{ one.instance_id or "" }} {{ one.tags|join(" ") }}
{% if operation %}{{ operation.kind }} {{ operation.step }}{% endif %}</li>{% endfor %}</ul>'''
real = serve.application

def application(services):
    app = real(services)

    @app.get("/naive")
    def naive():
        with services.store.read() as transaction:
            machines = transaction.machines.all()
            unfinished = transaction.operations.all(limit=len(machines) + 1, unfinished=True)
        running = {operation.machine_id: operation for operation in unfinished}
        return render_template_string(NAIVE, machines=machines, running=running)

    return app

logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
serve.application = application
serve.serve(load(Path(sys.argv[1])))
"""

_ANSWERS = """async () => {
  const matched = document.getElementById("matched");
  const search = document.getElementById("search");
  search.value = "r001";
  search.dispatchEvent(new Event("input", { bubbles: true }));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  if (!matched.textContent) throw new Error("the search does not answer");
  return performance.now();
}"""

_FILTERS = """async (words) => {
  const search = document.getElementById("search");
  const took = [];
  const painted = (done) => requestAnimationFrame(() => {
    const after = new MessageChannel();
    after.port1.onmessage = done;
    after.port2.postMessage(0);
  });
  for (const word of words) {
    for (let length = 1; length <= word.length; length += 1) {
      const began = performance.now();
      search.value = word.slice(0, length);
      search.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise(painted);
      took.push((performance.now() - began) / 1000);
    }
  }
  search.value = "";
  search.dispatchEvent(new Event("input", { bubbles: true }));
  return took;
}"""

_SCROLLS = """async () => {
  const frames = [];
  const end = performance.now() + 3000;
  let last = await new Promise(requestAnimationFrame);
  while (last < end) {
    window.scrollBy({ top: 60, behavior: "instant" });
    const next = await new Promise(requestAnimationFrame);
    frames.push(next - last);
    last = next;
  }
  return frames;
}"""


@dataclass(frozen=True)
class Borne:
    """How a browser bears a page: when it answers a key first, how long a key takes, how long each frame took."""

    interactive_s: float
    keys: Latency
    frames_ms: list[float]

    @property
    def dropped(self) -> int:
        """Frames that were not drawn in time."""
        return sum(max(0, round(one / FRAME_MS) - 1) for one in self.frames_ms)


def bench_hall_page(sizes: tuple[int, ...] = SIZES, seconds: float = SECONDS, loads: int = LOADS) -> Iterator[str]:
    """Each size of hall in turn."""
    for machines in sizes:
        with _server(machines) as server:
            yield f"## The hall with {machines:,} machines: the server (gunicorn, TLS, SQLite; one client)"
            yield from _served(server, seconds)
            yield f"## The hall with {machines:,} machines: Chromium, without a graphics card, median of {loads} loads"
            yield from _borne(server, loads)


@contextmanager
def _server(machines: int) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="bmprov-bench-") as folder, valkey_server() as redis:
        settings = settings_in(Path(folder), redis)
        databases.sqlite(Path(folder) / "bmprov.db")
        with closing(Store(settings.database)) as store:
            crowded_hall.fill(store, machines)
            session = signed_in(store)
        with serving(settings, program=_PROGRAM) as server:
            server.session = session
            yield server


def _served(server: Server, seconds: float) -> Iterator[str]:
    took = {}
    for path, coding in (*(("/", coding) for coding in _CODINGS), ("/naive", "zstd")):
        load = http_load(_target(server, path, coding), 1, seconds)
        took[path, coding] = load.latency
        name = "whole machines in a loop" if path == "/naive" else f"the page, {coding}"
        p50_ms, p99_ms, pages = load.latency.p50_ms, load.latency.p99_ms, load.latency.tries
        yield f"{name:24} p50 {p50_ms:8.1f} ms  p99 {p99_ms:8.1f} ms  ({pages} pages)"
    yield f"ratio of the medians: {took['/', 'zstd'].p50_ms / took['/naive', 'zstd'].p50_ms:.2f}"
    sent = ", ".join(f"{_bytes(_target(server, '/', coding)) / 1024:,.0f} KiB {coding}" for coding in _CODINGS)
    yield f"sent: {sent}"


def _target(server: Server, path: str, coding: str) -> Target:
    headers = {"Cookie": f"{cookies.SESSION}={server.session}", "Accept-Encoding": coding}
    return Target("127.0.0.1", server.port, path, headers, str(server.settings.api.certificate))


def _bytes(target: Target) -> int:
    with closing(target.connect()) as connection:
        connection.request("GET", target.path, headers=target.headers)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise RuntimeError(f"the page was answered {answer.status}")
        return len(answer.read())


def _borne(server: Server, loads: int) -> Iterator[str]:
    with browser(server.settings.api.certificate) as opened:
        borne = [_load(opened(viewport={"width": 1280, "height": 800}), server) for _ in range(loads)]
    keys = Latency(
        statistics.median(one.keys.p50_ms for one in borne),
        statistics.median(one.keys.p99_ms for one in borne),
        sum(one.keys.tries for one in borne),
    )
    frames, dropped = sum(len(one.frames_ms) for one in borne), sum(one.dropped for one in borne)
    interactive_s = statistics.median(one.interactive_s for one in borne)
    yield f"from the request until the search answers a key: {interactive_s:.2f} s"
    told = f"p50 {keys.p50_ms:.0f} ms, p99 {keys.p99_ms:.0f} ms ({keys.tries} keys)"
    yield f"a key in the search, until it is painted: {told}"
    yield f"scrolling: {frames} frames drawn, {dropped} dropped"


def _load(page: Page, server: Server) -> Borne:
    secret: Any = {"name": cookies.SESSION, "value": server.session, "url": f"https://127.0.0.1:{server.port}"}
    page.context.add_cookies([secret | {"secure": True}])
    page.goto(f"https://127.0.0.1:{server.port}/", wait_until="domcontentloaded")
    interactive_s = page.evaluate(_ANSWERS) / 1000
    keys = Latency.of(page.evaluate(_FILTERS, ["r001-u0", "10.0.1.", "i-2-77", "gpu active"]))
    frames_ms = page.evaluate(_SCROLLS)
    page.context.close()
    return Borne(interactive_s, keys, frames_ms)
