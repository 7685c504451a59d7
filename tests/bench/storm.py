"""A hall that comes back: 1,000 machines boot from the network at once, from `bmprov pxe` with its default settings.

Servers and machines share the host's cores, in a network namespace of their own, because DHCP and TFTP have their
well-known ports. The loader is iPXE's in size, kernel and initramfs are those of the flavour `virtual`.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bmprov.cli import valkey
from bmprov.deadline import Deadline
from bmprov.settings import PxeSettings, dump
from tests import debian
from tests.bench.crowd import STAGES, Sizes, Tally, boot
from tests.bench.dora import dora, forget
from tests.bench.measure import BenchError, Latency, cpu_seconds, wait_for
from tests.bench.servers import START_S, bound, listening, running
from tests.conftest import Postgres
from tests.pxe.provisioning import Site

MACHINES, WITHIN_S = 1000, 10.0
SIZES = Sizes(loader=173_792, kernel=int(13.5 * 2**20), initrd=int(10.7 * 2**20))
_PARTS = ("dhcp", "tftp", "http")


def bench_storm(machines: int = MACHINES) -> Iterator[str]:
    """Run this module in a network namespace of its own; its lines."""
    try:
        command = [*debian.own_network(), sys.executable, "-m", "tests.bench.storm", str(machines)]
        debian.program("dnsmasq", "dnsmasq-base")
        debian.file("/usr/lib/postgresql", "postgresql")
    except pytest.skip.Exception as missing:  # `debian` skips a test; a bench goes on
        yield f"## Boot storm: not measured, {missing}"
        return
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield from (line.rstrip("\n") for line in process.stdout or ())
    if process.returncode != 0:
        raise BenchError("the boot storm failed: see its traceback above")


def main() -> None:
    """Measure, in the namespace that this process is alone in."""
    machines = int(sys.argv[1])
    subprocess.run([debian.program("ip", "iproute2"), "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory(prefix="bench-storm-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user
        sites = {kind: _site(folder / kind, kind, machines, stack) for kind in ("SQLite", "PostgreSQL")}
        asked = {kind: (site, pids.get("postgres")) for kind, (site, pids) in sites.items()}
        for line in dora(asked, folder, machines):
            print(line, flush=True)
        for kind, (site, pids) in sites.items():
            forget(site)
            with ExitStack() as servers:
                serving = pids | _serving(site, servers)
                for line in _report(kind, serving, machines):
                    print(line, flush=True)


def _report(kind: str, pids: Mapping[str, int], machines: int) -> Iterator[str]:
    before, ours = {who: cpu_seconds([pid]) for who, pid in pids.items()}, time.process_time()
    tally = boot(machines, WITHIN_S, SIZES)
    spent = {who: cpu_seconds([pid]) - before[who] for who, pid in pids.items()}
    yield f"## {machines} machines boot from the network, switched on within {WITHIN_S:g} s, store on {kind}"
    yield from _stages(tally)
    served = len(tally.seconds["all"])
    yield f"{served} served, {len(tally.failures)} failed, the last after {tally.took_s:.1f} s"
    yield (
        f"sent again: {tally.dhcp_resent} DHCP requests, {tally.tftp_resent} TFTP packets; "
        f"{tally.asked_later} times HTTP said `later`"
    )
    yield f"datagrams that the kernel dropped because a socket was full: {tally.dropped}"
    used = ", ".join(f"{who} {seconds:.1f} s" for who, seconds in spent.items())
    yield f"CPU: {used}; the machines {time.process_time() - ours:.1f} s"
    yield from tally.failures[:5]


def _stages(tally: Tally) -> Iterator[str]:
    for stage in STAGES:
        if took := tally.seconds[stage]:
            one = Latency.of(took)
            yield f"{stage:22} {len(took):5} times  p50 {one.p50_ms:7.0f} ms  p99 {one.p99_ms:7.0f} ms"


def _site(folder: Path, kind: str, machines: int, stack: ExitStack) -> tuple[Site, dict[str, int]]:
    """A site whose machines are all to boot, and the process ids of what it keeps its state in."""
    folder.mkdir()
    redis, pids = f"{folder}/valkey.sock", {}
    command = [valkey.program(), "--port", "0", "--unixsocket", redis, "--save", ""]
    pids["valkey"] = stack.enter_context(running(command, folder))
    wait_for(Path(redis).exists, "Valkey's start", Deadline.after(START_S))
    database = ""
    if kind == "PostgreSQL":
        (folder / "postgres").mkdir()
        server = Postgres(folder / "postgres", durable=True)
        pids["postgres"] = server.start()
        stack.callback(server.stop)
        database = server.create_database("storm")
    site = Site(folder, f"unix://{redis}", database=database)
    default = PxeSettings()
    pxe = replace(site.settings.pxe, processes=default.processes, threads=default.threads)
    site.settings = replace(site.settings, pxe=pxe)
    site.loader.write_bytes(os.urandom(SIZES.loader))
    (site.settings.images / "ramdisk/vmlinuz").write_bytes(os.urandom(SIZES.kernel))
    (site.settings.images / "ramdisk/initrd").write_bytes(os.urandom(SIZES.initrd))
    for number in range(1, machines + 1):
        site.deploy(number)
    (folder / "bmprov.toml").write_text(dump(site.settings))
    return site, pids


def _serving(site: Site, stack: ExitStack) -> dict[str, int]:
    """The site's services and their process ids."""
    folder = site.settings.images.parent
    command = [str(Path(sys.executable).with_name("bmprov")), "pxe"]
    config = ["--config", str(folder / "bmprov.toml")]
    pids = {part: stack.enter_context(running([*command, part, *config], folder, part)) for part in _PARTS}
    bound(67)
    bound(69)
    listening(site.settings.pxe.http_port)
    return pids


if __name__ == "__main__":
    main()
