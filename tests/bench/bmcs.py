"""Reading a whole hall's power: simulated BMCs in a process of their own, beside FreeIPMI's ipmipower.

ipmipower asks the same BMCs, one after the other's turn, from the same machine. It logs in to each; so does bmprov's
sweep by IPMI, while by Redfish it uses a session again.
"""

import gc
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from bmprov.model import Bmc, Machine
from bmprov.queue import JobQueue
from bmprov.settings import WatchSettings, WorkerSettings
from bmprov.store import Store
from bmprov.vault import Vault
from tests import debian
from tests.bench.hall import PASSWORD, USER, Hall, hall
from tests.valkey import valkey_server
from worker.drivers.choice import Drivers
from worker.sweep import Sweeper

ROUNDS = 5
_KIB = 1024


def bench_bmcs(count: int = 1000) -> Iterator[str]:
    """IPMI with all there, with half silent, and Redfish."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    yield f"## The power of {count} BMCs by IPMI, median of {ROUNDS}"
    yield from _ipmi(count, silent=0)
    yield f"## The same with {count // 2} of them silent"
    yield from _ipmi(count, silent=count // 2)
    yield f"## The power of {count // 2} BMCs by Redfish, TLS, pinned certificates"
    yield from _redfish(count // 2)


def _ipmi(count: int, silent: int) -> Iterator[str]:
    with _enrolled("ipmi", count, silent) as (there, sweeper, store):
        first = _swept(sweeper, store, count - silent)
        ours, cpus, peers = [], [], []
        for _ in range(ROUNDS):
            began = time.process_time()
            ours.append(_swept(sweeper, store, count - silent))
            cpus.append(time.process_time() - began)
            peers.append(_ipmipower(there, count - silent))
    peer, mine, cpu = map(statistics.median, (peers, ours, cpus))
    yield f"ipmipower --stat               {peer:7.2f} s"
    yield f"bmprov, first sweep            {first:7.2f} s  ratio {first / peer:.2f}"
    yield f"bmprov, a sweep                {mine:7.2f} s  ratio {mine / peer:.2f}  CPU {cpu:.2f} s"
    yield f"at a sweep each 30 s           {cpu / 30:7.1%} of a core, {_memory_mib():.0f} MiB"


def _redfish(count: int) -> Iterator[str]:
    with _enrolled("redfish", count, 0) as (there, sweeper, store):
        first = _swept(sweeper, store, count)
        before, _ = there.counts()
        took, cpus = [], []
        for _ in range(ROUNDS):
            began = time.process_time()
            took.append(_swept(sweeper, store, count))
            cpus.append(time.process_time() - began)
        requests, sessions = there.counts()
    mine, cpu = statistics.median(took), statistics.median(cpus)
    yield f"first sweep, with logins       {first:7.2f} s"
    yield f"a sweep                        {mine:7.2f} s  CPU {cpu:.2f} s"
    yield f"requests a reading             {(requests - before) / count / ROUNDS:7.2f}"
    yield f"sessions open for each BMC     {sessions / count:7.2f}"
    yield f"at a sweep each 30 s           {cpu / 30:7.1%} of a core, {_memory_mib():.0f} MiB"


@contextmanager
def _enrolled(protocol: str, count: int, silent: int) -> Iterator[tuple[Hall, Sweeper, Store]]:
    """The hall's BMCs as machines, and the sweep as the watch runs it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bmprov-bench-")))
        there = stack.enter_context(hall(folder, protocol, count, silent))
        Vault.create_file(folder / "secret.key")
        vault = Vault.from_file(folder / "secret.key")
        queue = JobQueue(stack.enter_context(valkey_server()), pause_s=WorkerSettings().bmc_pause_s)
        store = Store(f"sqlite:///{folder}/bmprov.db", pool_size=2)
        stack.callback(store.close)
        store.migrate()
        sealed = vault.seal(PASSWORD.encode())
        with store.write() as transaction:
            for number, login in enumerate(there.logins):
                bmc = Bmc(login.address, USER, sealed, trust=login.trust)
                transaction.machines.add(Machine(f"m-{number}", f"m{number}", bmc, ()))
        settings, drivers = WatchSettings(), Drivers(vault, queue, urgent=False)
        pool = stack.enter_context(ThreadPoolExecutor(settings.sweep_concurrency))
        stack.callback(gc.unfreeze)
        gc.freeze()
        yield there, Sweeper(store, drivers, queue, pool, settings.sweep_concurrency, settings.read_s), store


def _swept(sweeper: Sweeper, store: Store, answering: int) -> float:
    """Seconds of one sweep, from the rows to the rows."""
    began = time.monotonic()
    with store.read() as transaction:
        machines = transaction.machines.all()
    answered = sweeper.sweep(machines)
    took = time.monotonic() - began
    assert answered == answering, f"{answered} of {answering} BMCs answered"
    return took


def _ipmipower(there: Hall, answering: int) -> float:
    """Seconds that ipmipower takes for all of them, in the cipher suite that they take first."""
    hosts = ",".join(login.address.removeprefix("ipmi://") for login in there.logins)
    login = ["-u", USER, "-p", PASSWORD, "--driver-type=LAN_2_0", "-I", "17"]
    command = [debian.program("ipmipower", "freeipmi-tools"), "-h", hosts, *login, "--stat"]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    assert done.stdout.count(": off") == answering, done.stdout[-300:]
    return took


def _memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB
