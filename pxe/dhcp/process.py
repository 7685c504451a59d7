"""`bmprov pxe dhcp`: builds the DHCP server from the settings and runs it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address
from threading import Thread

from redis import Redis

from bmprov.errors import Fatal
from bmprov.heartbeat import Heart
from bmprov.model import Report
from bmprov.settings import Settings
from bmprov.signs import Part
from bmprov.store import Store
from bmprov.vault import Vault
from pxe import advertiser
from pxe.dhcp import overhear
from pxe.dhcp.boots import Boots
from pxe.dhcp.notes import Notes
from pxe.dhcp.others import Others
from pxe.dhcp.policy import Policy
from pxe.dhcp.refusals import Refusals
from pxe.dhcp.relay import RelayBook
from pxe.dhcp.server import DhcpServer
from pxe.dhcp.siblings import SharedPolicy, Siblings
from pxe.dhcp.slow_port import SlowPorts
from pxe.dhcp.terms import Terms
from pxe.directory import StoreDirectory, StoreLeases
from pxe.loaders import loaders_in
from pxe.seats import Seats
from pxe.stopping import stop_signals


def run(settings: Settings) -> None:
    """Serve DHCP until SIGTERM."""
    pxe = settings.pxe
    store, vault = Store(settings.database, pool_size=1, durable=False), Vault.from_file(settings.key_file)
    seats = Seats(store)
    directory = StoreDirectory(seats, vault, pxe, settings.site)
    policy = Policy(terms_of(settings), directory, StoreLeases(seats, pxe, settings.site))
    siblings = Siblings(_redis(settings), settings.site, pxe.address)
    others = Others(lambda: siblings.addresses | {pxe.address}, store)
    notes = Notes(store)
    watching = (SlowPorts(notes.slow_port), Refusals(notes.refused))
    witnesses = (siblings, Boots(partial(end, store)), RelayBook(store), *watching)
    stopping = stop_signals()
    if not policy.terms.proxy:  # beside another DHCP server, which may have a router of its own too
        card = pxe.interface or advertiser.card_of(pxe.address)
        _start(advertiser.run, card, partial(_is_ours, replace(directory, seats=Seats(store))), stopping)
        _start(overhear.run, card, others.overheard, stopping)
    Heart(settings.redis, Part.DHCP, settings.site).start()
    proxy_port = pxe.proxy_port if policy.terms.proxy else None
    shared = SharedPolicy(policy, siblings)
    told = witnesses if policy.terms.proxy else (*witnesses, others)
    DhcpServer(shared, pxe.listen, pxe.dhcp_port, proxy_port, pxe.interface, told, seats.expect).run(stopping)
    siblings.leave()


def _start(target: Callable[..., None], *arguments: object) -> None:
    Thread(target=target, args=arguments, name=target.__module__, daemon=True).start()


def _redis(settings: Settings) -> Redis:
    """It holds up every answer while it is asked, so it has less time than a client."""
    return Redis.from_url(settings.redis, socket_connect_timeout=0.5, socket_timeout=0.5)


def end(store: Store, operation_id: str, why: str) -> None:
    """Let a worker find that the operation has failed: it is due now, and `watch` nudges whatever is due."""

    def change(report: Report) -> Report:
        return report if report.failure else replace(report, booted=True, failure=why, hardware=True)

    with store.write() as transaction:
        transaction.operations.signal(operation_id, change)


def _is_ours(directory: StoreDirectory, mac: str) -> bool:
    return not isinstance(directory.lookup(mac), str)


def terms_of(settings: Settings) -> Terms:
    """What DHCP answers say.

    Raises:
        Fatal: `pxe.mode` is not a mode, or `pxe.idle` no behaviour.
    """
    pxe = settings.pxe
    if pxe.mode not in ("server", "proxy"):
        raise Fatal(f"the setting pxe.mode is '{pxe.mode}'", "it is server or proxy")
    if pxe.idle not in ("disk", "ignore"):
        raise Fatal(f"the setting pxe.idle is '{pxe.idle}'", "it is disk or ignore")
    return Terms(
        server=IPv4Address(pxe.address),
        network=pxe.network,
        http_url=pxe.http_url,
        router=IPv4Address(pxe.router) if pxe.router else None,
        dns=tuple(IPv4Address(address) for address in pxe.dns_told),
        lease_s=int(pxe.lease_s),
        proxy=pxe.mode == "proxy",
        loaders=frozenset(loaders_in(pxe.loaders)),
        boots_disks=pxe.idle == "disk",
        relayed=pxe.networks,
    )
