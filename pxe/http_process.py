"""`bmprov pxe http`: builds HTTP boot from the settings and runs it in several processes."""

import structlog

from bmprov.queue import JobQueue
from bmprov.settings import Settings
from bmprov.store import Store
from bmprov.vault import Vault
from images.blobs import ImageStore
from pxe.http import BootHttp, create_boot_app
from pxe.http_server import listen, serve
from pxe.loaders import loaders_in
from pxe.transfer import Transfers

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Serve HTTP boot until SIGTERM. Ends the process."""
    pxe = settings.pxe
    Vault.from_file(settings.key_file)  # a wrong key file is told here, in one sentence, and not by each process
    listener = listen(pxe.listen, pxe.http_port)
    log.info("HTTP boot ready", listen=pxe.listen, port=pxe.http_port)
    serve(listener, pxe.processes, pxe.threads, lambda: create_boot_app(build(settings)))


def build(settings: Settings) -> BootHttp:
    """What HTTP boot works with."""
    return BootHttp(
        store=Store(settings.database, pool_size=8),
        vault=Vault.from_file(settings.key_file),
        queue=JobQueue(settings.redis),
        images=ImageStore(settings.images),
        loaders=loaders_in(settings.pxe.loaders),
        ramdisk=settings.images / "ramdisk",
        http_url=settings.pxe.http_url,
        transfers=Transfers(settings.pxe.threads),
        kernel_arguments=settings.pxe.kernel_arguments,
    )
