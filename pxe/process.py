"""The processes of this package: `bmprov pxe dhcp`, `tftp` and `http`. The entry points that build everything."""

import signal
import threading
from ipaddress import IPv4Address

import structlog

from bmprov.errors import Fatal
from bmprov.queue import JobQueue
from bmprov.settings import Settings
from bmprov.store import Store
from bmprov.vault import Vault
from images.blobs import ImageStore
from pxe.dhcp.policy import Policy, Terms
from pxe.dhcp.server import DhcpServer
from pxe.directory import StoreDirectory, StoreLeases
from pxe.http import BootHttp, create_boot_app
from pxe.http_server import listen, serve
from pxe.loaders import loaders_in
from pxe.tftp import TftpService
from pxe.transfer import Transfers

log = structlog.get_logger()

PARTS = ("dhcp", "tftp", "http")


def run(settings: Settings, part: str) -> None:
    """Run one of `PARTS` until SIGTERM.

    Raises:
        Fatal: a port cannot be bound, or the key file is not usable.
    """
    try:
        {"dhcp": run_dhcp, "tftp": run_tftp, "http": run_http}[part](settings)
    except OSError as error:
        raise Fatal(
            f"{part} cannot use its port ({error.strerror})",
            "ports below 1024 need root or CAP_NET_BIND_SERVICE; another server may have it: look with `ss -lunp`",
        ) from error


def run_dhcp(settings: Settings) -> None:
    """Serve DHCP."""
    pxe = settings.pxe
    store = Store(settings.database, pool_size=1)
    directory = StoreDirectory(store, Vault.from_file(settings.key_file), pxe, settings.site)
    policy = Policy(terms_of(settings), directory, StoreLeases(store, pxe, settings.site))
    proxy_port = pxe.proxy_port if policy.terms.proxy else None
    DhcpServer(policy, pxe.listen, pxe.dhcp_port, proxy_port, pxe.interface).run(_stop_signals())


def run_tftp(settings: Settings) -> None:
    """Serve loaders over TFTP."""
    TftpService(loaders_in(settings.pxe.loaders), settings.pxe.listen, settings.pxe.tftp_port).run(_stop_signals())


def run_http(settings: Settings) -> None:
    """Serve HTTP boot. Ends the process."""
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
    )


def terms_of(settings: Settings) -> Terms:
    """What DHCP answers say.

    Raises:
        Fatal: `pxe.mode` is not a mode.
    """
    pxe = settings.pxe
    if pxe.mode not in ("server", "proxy"):
        raise Fatal(f"the setting pxe.mode is '{pxe.mode}'", "it is server or proxy")
    return Terms(
        server=IPv4Address(pxe.address),
        network=pxe.network,
        http_url=pxe.http_url,
        router=IPv4Address(pxe.router) if pxe.router else None,
        dns=tuple(IPv4Address(address) for address in pxe.dns),
        lease_s=int(pxe.lease_s),
        proxy=pxe.mode == "proxy",
    )


def _stop_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
