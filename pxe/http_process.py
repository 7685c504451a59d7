"""`bmprov pxe http`: builds HTTP boot from the settings and runs it in several processes."""

import structlog
from flask import Flask

from bmprov.heartbeat import Heart
from bmprov.queue import JobQueue
from bmprov.settings import Settings
from bmprov.signs import Part
from bmprov.store import Store
from bmprov.vault import Vault
from images.blobs import ImageStore
from images.ramdisk import medium
from pxe.directory import StoreLeases
from pxe.fetched import FetchLog
from pxe.http import BootHttp, create_boot_app
from pxe.http_server import listen, serve
from pxe.loaders import loaders_in
from pxe.media import Media
from pxe.seats import Seats
from pxe.transfer import Transfers

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Serve HTTP boot until SIGTERM. Ends the process."""
    pxe = settings.pxe
    Vault.from_file(settings.key_file)  # a wrong key file is told here, in one sentence, and not by each process
    listener = listen(pxe.listen, pxe.http_port)
    log.info("HTTP boot ready", listen=pxe.listen, port=pxe.http_port)
    serve(listener, pxe.processes, pxe.threads, lambda: _application(settings))


def _application(settings: Settings) -> Flask:
    """The application of one process, which tells from now on that it lives."""
    Heart(settings.redis, Part.HTTP, settings.site).start()
    return create_boot_app(build(settings))


def build(settings: Settings) -> BootHttp:
    """What HTTP boot works with."""
    store, transfers = Store(settings.database, pool_size=8), Transfers(settings.pxe.threads)
    ramdisk, leases = settings.images / "ramdisk", StoreLeases(Seats(store), settings.pxe, settings.site)
    return BootHttp(
        store=store,
        vault=Vault.from_file(settings.key_file),
        queue=JobQueue(settings.redis),
        images=ImageStore(settings.images),
        loaders=loaders_in(settings.pxe.loaders),
        ramdisk=ramdisk,
        http_url=settings.pxe.http_url,
        media=Media(ramdisk / medium.NAME, leases, settings.pxe, transfers),
        transfers=transfers,
        fetched=FetchLog(store, settings.site),
        kernel_arguments=settings.pxe.kernel_arguments,
    )
