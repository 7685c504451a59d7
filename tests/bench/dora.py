"""Addresses for 1,000 machines that all ask at the same moment: `bmprov pxe dhcp` beside dnsmasq, in turns.

dnsmasq has its leases in memory and gives one to whoever asks; bmprov looks each machine and its operation up in SQL,
binds the operation's token to the address, and keeps both there. One client for both, on the same two cores.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import delete, update

from bmprov.store import schema
from tests import debian
from tests.bench.crowd import Tally, lease
from tests.bench.measure import BenchError, Latency, cpu_seconds, least_tick
from tests.bench.servers import bound, running
from tests.pxe.provisioning import Site

ROUNDS = 3
_REQUESTS = 2  # of each machine: DISCOVER and REQUEST


@dataclass(frozen=True)
class Server:
    """A DHCP server to start, how it forgets all leases, and its database's process, which costs CPU too."""

    command: Sequence[str]
    forget: Callable[[], None]
    database: int | None = None


@dataclass(frozen=True)
class Given:
    """What a crowd got of a server, and what it cost."""

    tally: Tally
    cpu_s: float
    database_cpu_s: float

    def lines(self, who: str, machines: int, peer: "Given") -> Iterator[str]:
        """Two lines of the table."""
        latency, peers = Latency.of(self.tally.seconds["all"]), Latency.of(peer.tally.seconds["all"])
        ratio = latency.p99_ms / peers.p99_ms
        yield (
            f"{who:20} p50 {latency.p50_ms:6.0f} ms  p99 {latency.p99_ms:6.0f} ms ({ratio:.1f} of dnsmasq)  "
            f"sent again {self.tally.dhcp_resent:4}, dropped by full sockets {self.tally.dropped:4}"
        )
        per_s, peers_per_s = (_REQUESTS * machines / least_tick(one.cpu_s + one.database_cpu_s) for one in (self, peer))
        database = f" and {self.database_cpu_s:.2f} s of its database" if self.database_cpu_s else ""
        yield (
            f"{'':20} CPU {self.cpu_s:.2f} s{database}  "
            f"{per_s:7.0f} requests per CPU second ({per_s / peers_per_s:.2f} of dnsmasq)"
        )


def dora(sites: dict[str, tuple[Site, int | None]], folder: Path, machines: int) -> Iterator[str]:
    """The sites' servers, by name and with their database's process, and dnsmasq."""
    servers = {f"bmprov, {kind}": _ours(site, database) for kind, (site, database) in sites.items()}
    servers["dnsmasq"] = _dnsmasq(folder, machines)
    given: dict[str, list[Given]] = {who: [] for who in servers}
    for _ in range(ROUNDS):
        for who, server in servers.items():
            given[who].append(_round(server, folder, machines))
    yield f"## {machines} machines ask DHCP at the same moment, median of {ROUNDS}"
    middle = {who: _middle(some) for who, some in given.items()}
    for who, one in middle.items():
        yield from one.lines(who, machines, middle["dnsmasq"])


def _middle(some: Sequence[Given]) -> Given:
    return sorted(some, key=lambda one: one.cpu_s)[len(some) // 2]


def _round(server: Server, folder: Path, machines: int) -> Given:
    server.forget()
    with running(server.command, folder, "dhcp") as pid:
        bound(67)
        pids = [[pid], [server.database] if server.database else []]
        before = [cpu_seconds(some) for some in pids]
        tally = lease(machines)
        cpu_s, database_s = (cpu_seconds(some) - began for some, began in zip(pids, before, strict=True))
    if tally.failures:
        raise BenchError(f"{len(tally.failures)} machines got no address: {tally.failures[:3]}")
    return Given(tally, cpu_s, database_s)


def forget(site: Site) -> None:
    """Give all addresses back."""
    with site.store.write() as transaction:
        transaction.connection.execute(delete(schema.leases))
        transaction.connection.execute(update(schema.operations).values(boot_ip=None))


def _ours(site: Site, database: int | None) -> Server:
    bmprov, file = Path(sys.executable).with_name("bmprov"), site.settings.images.parent / "bmprov.toml"
    return Server([str(bmprov), "pxe", "dhcp", "--config", str(file)], partial(forget, site), database)


def _dnsmasq(folder: Path, machines: int) -> Server:
    leases = folder / "dnsmasq.leases"
    pool = ["--dhcp-range=127.66.0.10,127.66.255.250,255.0.0.0,600", f"--dhcp-lease-max={2 * machines}", "--no-ping"]
    boot = ["--dhcp-boot=snponly.efi", f"--dhcp-leasefile={leases}", "--dhcp-authoritative", "--quiet-dhcp"]
    own = ["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--interface=lo"]
    program = debian.program("dnsmasq", "dnsmasq-base")
    return Server([program, *own, *pool, *boot, "--bind-interfaces"], lambda: leases.unlink(missing_ok=True))
