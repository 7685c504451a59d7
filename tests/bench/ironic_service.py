"""A running Ironic with fake hardware on loopback.

Configured as its administrator's guide ("Tuning Ironic") and the help texts of its options advise.
"""

import configparser
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bmprov.deadline import Deadline
from tests.bench.ironic_client import IronicClient
from tests.bench.ironic_database import START_TIMEOUT_S, Layout, start_database
from tests.bench.ironic_install import Installation
from tests.bench.ironic_process import Service
from tests.bench.measure import BenchError, wait_for

LOOPBACK = "127.0.0.1"
# Each API worker is a gunicorn of its own, as operators run the API under a WSGI server, and the kernel spreads the
# connections over them. The second worker of Ironic 39's own `ironic-api` ends with "Address already in use" and is
# forked anew for ever; two workers of one gunicorn sometimes leave all keep-alive connections to one of them.
API_WORKERS = 2
API_THREADS = 4  # of each worker
FAKE_INTERFACES = ("bios", "boot", "console", "deploy", "firmware", "inspect", "management", "power", "raid", "rescue",
                   "vendor")  # fmt: skip


@dataclass(frozen=True)
class Ironic:
    """A running Ironic: where its API listens, and all its processes with the database's."""

    port: int
    services: tuple[Service, ...]

    @property
    def pids(self) -> tuple[int, ...]:
        """The ids of its first processes, for measuring."""
        return tuple(service.pid for service in self.services)

    def client(self) -> IronicClient:
        """A new keep-alive connection to its API."""
        return IronicClient(LOOPBACK, self.port)


@contextmanager
def running_ironic(installation: Installation, layout: Layout, nodes: int, work: Path) -> Iterator[Ironic]:
    """Ironic on an empty database below `work`, ready for `nodes` deployments at once; ended with the block."""
    with ExitStack() as stop:
        database = start_database(layout, work, stop)
        port, rpc_port = free_ports(2)
        settings = work / "ironic.conf"
        write_settings(settings, ironic_settings(layout, database.url, nodes, port, rpc_port, work))
        _create_schema(installation, settings)
        started = tuple(
            Service.start(name, (installation.command(program), *arguments), work, stop)
            for name, (program, *arguments) in _commands(layout, settings, port, work).items()
        )
        ironic = Ironic(port, (*database.services, *started))
        _wait_until_ready(ironic)
        yield ironic


def ironic_settings(
    layout: Layout, database_url: str, nodes: int, port: int, rpc_port: int, work: Path
) -> dict[str, dict[str, object]]:
    """The sections of ironic.conf."""
    return {
        "DEFAULT": {
            "auth_strategy": "noauth",
            "debug": False,
            "host": LOOPBACK,
            "my_ip": LOOPBACK,
            "rpc_transport": "none" if layout is Layout.SQLITE else "json-rpc",
            "state_path": work,
            "tempdir": work,
            "enabled_hardware_types": "fake-hardware",
            "enabled_network_interfaces": "noop",
            "default_network_interface": "noop",
            **{f"enabled_{name}_interfaces": "fake" for name in FAKE_INTERFACES},
        },
        "api": {"host_ip": LOOPBACK, "port": port},
        "json_rpc": {"auth_strategy": "noauth", "host_ip": LOOPBACK, "port": rpc_port},
        "conductor": {
            # A request that finds no free worker is refused with 503, so there is one for each node and some to spare.
            "workers_pool_size": nodes + 100,
            "max_concurrent_deploy": nodes,
            "automated_clean": False,
            # Periodic work is not what is measured: off, or rarer than the bench lasts.
            "sync_power_state_interval": 0,
            "check_provision_state_interval": 0,
            "power_failure_recovery_interval": 0,
            "check_rescue_state_interval": 3600,
            "check_allocations_interval": 3600,
            "sync_local_state_interval": 3600,
            "send_sensor_data": False,
        },
        "database": {"connection": database_url, "max_pool_size": 20, "max_overflow": 100},
        "dhcp": {"dhcp_provider": "none"},
        "oslo_concurrency": {"lock_path": work},
    }


def write_settings(path: Path, sections: Mapping[str, Mapping[str, object]]) -> None:
    """Write an oslo.config file."""
    parser = configparser.RawConfigParser(default_section="")  # [DEFAULT] is a section like any other to oslo.config
    parser.read_dict({name: {key: str(value) for key, value in keys.items()} for name, keys in sections.items()})
    with path.open("w") as file:
        parser.write(file)


def free_ports(count: int) -> list[int]:
    """Loopback TCP ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [held.getsockname()[1] for held in sockets]


def _commands(layout: Layout, settings: Path, port: int, work: Path) -> dict[str, tuple[str, ...]]:
    """The services of a layout: name, then program and arguments."""
    from_settings = ("--config-file", str(settings))
    if layout is Layout.SQLITE:
        return {"ironic": ("ironic", *from_settings)}
    hooks = work / "gunicorn.conf.py"
    # Ironic's WSGI module takes its settings from sys.argv, which are gunicorn's here.
    hooks.write_text(f"import sys\ndef post_fork(server, worker):\n    sys.argv = {['ironic-api', *from_settings]!r}\n")
    listen = (f"--bind={LOOPBACK}:{port}", "--reuse-port", "--no-control-socket")
    api = ("gunicorn", f"--config={hooks}", f"--threads={API_THREADS}", *listen, "ironic.wsgi.api:application")
    return {"ironic-conductor": ("ironic-conductor", *from_settings)} | {
        f"ironic-api-{number}": api for number in range(API_WORKERS)
    }


def _create_schema(installation: Installation, settings: Path) -> None:
    command = (installation.command("ironic-dbsync"), "--config-file", str(settings), "create_schema")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"ironic-dbsync failed: {done.stderr[-1500:]}")


def _wait_until_ready(ironic: Ironic) -> None:
    try:
        wait_for(lambda: _answers(ironic), "the first answer of Ironic's API", Deadline.after(START_TIMEOUT_S))
    except BenchError as error:
        logs = "\n".join(service.log_tail() for service in ironic.services)
        raise BenchError(f"{error}; the services' logs end with:\n{logs}") from error


def _answers(ironic: Ironic) -> bool:
    """Whether the API is up and knows a conductor that offers fake-hardware."""
    if not all(service.alive for service in ironic.services):
        return False
    try:
        with ironic.client() as client:
            return client.offers("fake-hardware")
    except ConnectionRefusedError:
        return False
