"""What one call of the extension costs as a whole process, beside what CloudStack's MaaS extension pays to begin."""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bmprov.lifecycle import State
from bmprov.model import BackEnd, Bmc, Instance, Machine, Nic, PowerReading
from bmprov.power import Power
from bmprov.store import Store
from tests.bench.measure import BenchError
from tests.bench.service import Service, payload

ROOT = Path(__file__).parents[2]
ENTRY_POINT = ROOT / "extension" / "bmprov.py"
PEER_FOLDER = ROOT / ".venv-peers"
SYSTEM_PYTHON = "/usr/bin/python3"
CALLS = 30
TIMEOUT_S = 60


@dataclass(frozen=True)
class Calls:
    """Medians of whole processes, in milliseconds."""

    status_ms: float
    statuses_1000_ms: float
    statuses_10000_ms: float
    peer_import_ms: float


def measure_extension(service: Service) -> Calls:
    """Time the extension beside `import requests_oauthlib`, in turns, so that both see the same noise."""
    install_peer()
    add_instances(service, 1000, "bench-1000")
    add_instances(service, 10_000, "bench-10000", first=100_000)
    commands = {
        "status": call(service, "status", "bench-1000"),
        "statuses 1000": call(service, "statuses", "bench-1000"),
        "statuses 10000": call(service, "statuses", "bench-10000"),
        "peer": [
            SYSTEM_PYTHON,
            "-c",
            f"import sys; sys.path.insert(0, {str(PEER_FOLDER)!r}); import requests_oauthlib",
        ],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(CALLS):
        for name, command in commands.items():
            taken[name].append(run_timed(command)[0])
    medians = {name: statistics.median(values) for name, values in taken.items()}
    return Calls(medians["status"], medians["statuses 1000"], medians["statuses 10000"], medians["peer"])


def add_instances(service: Service, count: int, host: str, first: int = 1) -> None:
    """Write running instances straight into the store: what is timed is asking for them."""
    store = Store(service.database)
    cloud = cloud_of(store)
    with store.write() as transaction:
        for number in range(first, first + count):
            asked = payload(number, {})
            instance_id, name = str(asked["virtualmachineid"]), str(asked["virtualmachinename"])
            machine = _machine(number, transaction.now)
            transaction.machines.add(machine)
            transaction.instances.add(Instance(instance_id, name, cloud, host, machine.id, b""))
    store.close()


def _machine(number: int, now: float) -> Machine:
    """A machine of a site that nobody watches, whose reading stays fresh for the length of the bench."""
    return Machine(
        id=f"bench-{number}",
        name=f"bench-{number}",
        bmc=Bmc(f"fake://bench-{number}", "", b""),
        nics=(Nic("02:be:" + number.to_bytes(4).hex(":"), 0),),
        back_end=BackEnd.FAKE,
        state=State.ACTIVE,
        site="nowhere",
        reading=PowerReading(Power.ON, now + 3600),
    )


def cloud_of(store: Store) -> str:
    """The cloud that the service's own token for an extension belongs to."""
    with store.read() as transaction:
        return next(token.cloud for token in transaction.tokens.all() if token.cloud)


def call(service: Service, action: str, host: str) -> list[str]:
    """The command line by which CloudStack asks the extension for this, of this host."""
    login = service.cloud
    asked = payload(1, {})
    details = {"endpoint": login.endpoint, "token": login.token, "ca": login.ca}
    asked["externaldetails"] = {"extension": details, "host": {"host": host}}
    path = service.folder / f"payload-{action}-{host}.json"
    path.write_text(json.dumps(asked))
    return [str(ENTRY_POINT), action, str(path), str(TIMEOUT_S)]


def run_timed(command: Sequence[str], **environment: str) -> tuple[float, bytes]:
    """One process, its output read only after its end, as CloudStack does: milliseconds, and the output."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | environment
    ) as process:
        killer = threading.Timer(TIMEOUT_S, process.kill)  # wait(timeout) polls, in steps of up to 50 ms
        killer.start()
        code = process.wait()
        taken_ms = 1000 * (time.perf_counter() - began)
        killer.cancel()
        output = process.stdout.read() if process.stdout else b""
    if code != 0:
        raise BenchError(f"{command[0]} ended with {code}: {output[-500:]!r}")
    return taken_ms, output


def install_peer() -> None:
    """What CloudStack's MaaS extension imports, for the system's Python, unless it is there."""
    if not PEER_FOLDER.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PEER_FOLDER), "requests_oauthlib"]
        subprocess.run(command, check=True)
