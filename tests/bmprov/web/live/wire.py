"""Event streams of a running server: asked for over TLS, read as they come."""

import socket
import ssl
import urllib.parse
from collections.abc import Iterator

from bmprov.lifecycle import State
from bmprov.model import Bmc, Machine, Nic
from bmprov.store import Store
from bmprov.web.people import cookies
from tests.bmprov.test_serve import Server
from tests.bmprov.web.live.listening import Said, read

PROGRAM = '''
import logging, sys
from pathlib import Path
import structlog
from bmprov import connection, serve
from bmprov.settings import load
from flask import render_template_string
from bmprov.roles import READERS
from bmprov.web.visitor import allowed
from tests.bmprov.web.live.listening import Cards, Notes

PAGE = """
{% extends "base.html" %}
{% block main %}
<input id="filter" aria-label="filter">
<div id="list">{% for html in state.regions.values() %}{{ html }}{% endfor %}</div>
{% endblock %}
"""

real = serve.application

def application(services):
    app = real(services)
    topics = app.extensions["live"].topics
    topics.add("notes", Notes())
    topics.add("cards", Cards())

    @allowed(READERS)
    def cards():
        with services.store.read() as transaction:
            return render_template_string(PAGE, title="Cards", state=topics.paint("cards", transaction))

    app.add_url_rule("/cards", "web.cards", cards)  # one of the pages, with their door and their headers
    return app

logging.basicConfig(level=logging.INFO, stream=sys.stderr)
# nobody reads the access log here, and a full pipe would hold the server up
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
connection.STALLED_S = float(sys.argv[2])
serve.application = application
serve.serve(load(Path(sys.argv[1])))
'''

HEARD_S = 20.0


class Page:
    """An open page, as far as its stream goes."""

    def __init__(
        self, server: Server, etag: str = "", *, seen: str = "", topic: str = "notes", port: int | None = None
    ) -> None:
        raw = socket.create_connection(("127.0.0.1", port or server.port), HEARD_S)
        self.connection = server.context.wrap_socket(raw, server_hostname="127.0.0.1")
        path = f"/live/{topic}?{urllib.parse.urlencode({'etag': etag})}"
        last = f"Last-Event-ID: {seen}\r\n" if seen else ""
        asked = f"GET {path} HTTP/1.1\r\nHost: h\r\nCookie: {cookies.SESSION}={server.session}\r\n{last}\r\n"
        self.connection.sendall(asked.encode())
        self.file = self.connection.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self.file.readline().decode().strip():
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
        self.said = read(line.decode() for line in self.file)

    def next(self) -> Said:
        """The next message that is more than a sign of life."""
        return next(said for said in self.said if said.event != "beat")

    def until(self, event: str) -> Said:
        return next(said for said in self.said if said.event == event)

    def rest(self) -> list[Said]:
        """Everything until the stream ends."""

        def lasts() -> Iterator[Said]:
            try:
                yield from self.said
            except (ssl.SSLError, OSError):
                return

        return list(lasts())

    def close(self) -> None:
        self.file.close()
        self.connection.close()


def write(store: Store, text: str, machine: str = "m-1") -> None:
    """Commit a change, from another process than the server's."""
    with store.write() as transaction:
        transaction.machines.set_maintenance(_machine(machine), text, "ann")


def enrol(store: Store, *machines: str) -> None:
    """Enrol machines with these ids, `m-NUMBER`."""
    with store.write() as transaction:
        for one in machines:
            transaction.machines.add(_machine(one))


def _machine(machine: str) -> Machine:
    number = int(machine.partition("-")[2])
    return Machine(
        id=machine,
        name=machine,
        bmc=Bmc(f"ipmi://10.0.0.{number}:623", "admin", b"sealed"),
        nics=(Nic(f"52:54:00:00:01:{number:02x}", 0),),
        state=State.AVAILABLE,
    )
