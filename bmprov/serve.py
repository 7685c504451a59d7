"""The API and the page as a process: gunicorn with threads, over TLS 1.2 and newer, until SIGTERM.

The application is built in each process after the fork, because no connection to a database or to Redis survives one.
Who calls `serve` has set up logging: gunicorn's own log goes to Python's root logger, the access log to structlog.
"""

import errno
import logging
import resource
import socket
import ssl
import time
from typing import Any

import structlog
from flask import Flask
from gunicorn.glogging import Logger

from bmprov import tls
from bmprov.api.app import create_app
from bmprov.connection import ImpatientSocket
from bmprov.errors import BmprovError, Fatal
from bmprov.forwarded import Forwarded
from bmprov.health import Watched
from bmprov.heartbeat import Heart
from bmprov.orders import Orders
from bmprov.queue import JobQueue
from bmprov.services import Services
from bmprov.settings import Settings
from bmprov.signs import Part
from bmprov.store import Store
from bmprov.threads import Threads
from bmprov.vault import Vault
from bmprov.web import app as web
from bmprov.wsgi import Gunicorn
from images.blobs import ImageStore

_log = structlog.get_logger("bmprov.api")

_ABANDONED_S = 3600.0
_BACKLOG = 1024
_CONNECTIONS = 4096
_KEEPALIVE_S = 15
_GRACE_S = 20


def build(settings: Settings) -> Services:
    """The services that these settings describe.

    Raises:
        Fatal: the key file or the database's address is not usable.
    """
    store = Store(settings.database, pool_size=settings.api.threads)
    vault = Vault.from_file(settings.key_file)
    orders = Orders(
        store,
        vault,
        reservation_s=settings.api.reservation_s,
        freshness_s=settings.watch.freshness_s,
        user_actions=settings.api.user_actions,
        site=settings.site,
        vlan_map=settings.network.vlan_map,
    )
    images, watched = ImageStore(settings.images), Watched.by(settings)
    return Services(
        store, JobQueue(settings.redis), orders, images, vault, settings.console, settings.web, watched=watched
    )


def serve(settings: Settings) -> None:
    """Serve the API until SIGTERM; requests under way are finished first. Ends the process.

    Raises:
        Fatal: the certificate is not usable, or the address cannot be listened on.
        Retryable: the database does not answer.
    """
    api = settings.api
    tls.ensure(api.certificate, api.key, tls.names_of(api.listen))
    context = tls_context(settings)
    services = build(settings)  # wrong settings are told here, in one sentence, and not by each process
    services.images.sweep(time.time() - _ABANDONED_S)
    services.store.migrate()
    digest(services)
    services.store.close()  # before any fork
    _allow_files()
    listener = listen(api.listen, api.port)
    options = {
        "bind": f"fd://{listener.detach()}",
        "workers": api.processes,
        "threads": api.threads,
        "worker_class": Threads,
        "worker_connections": _CONNECTIONS,
        "keepalive": _KEEPALIVE_S,
        "graceful_timeout": _GRACE_S,
        "certfile": str(api.certificate),
        "keyfile": str(api.key),
        "ssl_context": lambda _config, _default: context,
        "logger_class": _RootLogger,
    }
    Gunicorn(options, lambda: _process(settings)).run()


def _allow_files() -> None:
    """Let each process hold as many connections as it may: the usual limit of 1,024 files is below that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _CONNECTIONS if hard == resource.RLIM_INFINITY else min(2 * _CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def application(services: Services) -> Flask:
    """The API and the page, as one application."""
    app = create_app(services)
    web.register(app, services)
    if services.web.proxies:
        app.wsgi_app = Forwarded(app.wsgi_app, services.web.proxies)  # type: ignore[method-assign] # Flask says so
    return app


def _process(settings: Settings) -> Flask:
    """The application of one process, which tells from now on that it lives."""
    Heart(settings.redis, Part.API, settings.site).start()
    return application(build(settings))


def digest(services: Services) -> None:
    """Complete the images that were added before bmprov had their `raw_tree_sha512`.

    One whose bytes are not what they were is named in the log and stays without: no machine takes it.
    """
    with services.store.read() as transaction:
        incomplete = [image for image in transaction.images.all() if not image.raw_tree_sha512]
    for image in incomplete:
        try:
            found = services.images.digest(image.sha256)
        except BmprovError as error:
            _log.warning("an image of before cannot be deployed", image=image.name, why=str(error))
            continue
        with services.store.write() as transaction:
            transaction.images.set_digest(image, found)


def listen(address: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        Fatal: the address is in use, or not this host's.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        check = {
            errno.EADDRINUSE: "another process listens there: look with `ss -ltnp`, and at the setting `api.port`",
            errno.EACCES: "ports below 1024 need root or CAP_NET_BIND_SERVICE",
        }
        raise Fatal(
            f"the API cannot listen on {address} port {port} ({error.strerror})",
            check.get(error.errno or 0, "the setting `api.listen`"),
        ) from error


def tls_context(settings: Settings) -> ssl.SSLContext:
    """One TLS context for all connections, so that a client may resume its session.

    Raises:
        Fatal: the certificate and the key are not usable, or not a pair.
    """
    context = tls.server_context(settings.api.certificate, settings.api.key)
    context.sslsocket_class = ImpatientSocket
    return context


class _RootLogger(Logger):  # type: ignore[misc] # gunicorn ships no types
    """gunicorn's log, handed on to Python's root logger instead of being formatted by gunicorn."""

    def setup(self, cfg: Any) -> None:  # noqa: ANN401 - gunicorn's untyped settings
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.setLevel(logging.INFO)
