"""What many tests share: real servers, and what bmprov builds from Debian's archives.

PostgreSQL (from Debian's package) and Valkey or Redis are started once a session, on a socket in a folder of their own.
Nothing is kept: durability is switched off.
"""

import fcntl
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from bmprov.cli.main import run
from tests import databases, debian
from tests.sim_switch.bridge_machine import build
from tests.valkey import valkey_server

# no test says how quick a machine must be
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

_BOOTS = {"ramdisk", "tiny_image", "lab", "test_switches.py"}  # fixtures, folders, files


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What boots machines in QEMU comes first: none of pytest-xdist's processes is left alone with it in the end."""
    items.sort(key=lambda item: not _BOOTS.intersection(getattr(item, "fixturenames", ()), item.path.parts))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path short enough for a Unix socket (107 bytes, unix(7))."""
    with tempfile.TemporaryDirectory(prefix="bmprov-") as path:
        yield Path(path)


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of a Valkey or Redis that all tests of this session share."""
    with valkey_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres() -> Iterator["Postgres"]:
    with tempfile.TemporaryDirectory(prefix="bmprov-postgres-") as home:
        server = Postgres(Path(home))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres: "Postgres") -> Callable[[], str]:
    """A factory of empty databases: each call makes one and returns its URL."""
    return postgres.create_database


@pytest.fixture(scope="session")
def postgres_tables(postgres: "Postgres") -> Callable[[], str]:
    """A factory of databases that have their tables."""
    databases.migrate(postgres.create_database("tables"))
    return partial(postgres.create_database, template="tables")


@pytest.fixture(scope="session")
def ramdisk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with `vmlinuz` and `initrd` of the virtual flavour."""
    return _built_once(tmp_path_factory, "ramdisk", _by("image", "build-ramdisk", "--flavour", "virtual", "--into"))


@pytest.fixture(scope="session")
def tiny_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny system, as a raw disk."""
    return _built_once(tmp_path_factory, "tiny.raw", _by("image", "build", "tiny"))


@pytest.fixture(scope="session")
def bridge_system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with `linux` and `initrd` of the machine that is a switch."""
    return _built_once(tmp_path_factory, "bridge-system", build)


def _by(*command: str) -> Callable[[Path], None]:
    def built(target: Path) -> None:
        assert run([*command, str(target)]) == 0

    return built


def _built_once(factory: pytest.TempPathFactory, name: str, build_into: Callable[[Path], object]) -> Path:
    """Built by the first process of pytest-xdist that wants it; others wait for it."""
    debian.program("apt-get", "apt")
    debian.program("depmod", "kmod")
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / name).exists():
            building = factory.mktemp("building") / name
            build_into(building)
            building.rename(shared / name)
    return shared / name


class Postgres:
    """One PostgreSQL server. It refuses to run as root, so root starts it as Debian's user `postgres`.

    Unless it is to be `durable`, as it is by default elsewhere, it waits for no disk.
    """

    def __init__(self, home: Path, *, durable: bool = False) -> None:
        self._home = home
        self._numbers = itertools.count()
        self._risk = "" if durable else "-c fsync=off -c full_page_writes=off"
        self._user = "postgres" if os.geteuid() == 0 else None
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        if not found:
            debian.missing("PostgreSQL", "install the Debian package `postgresql`")
        self._programs = found[-1]

    def start(self) -> int:
        """Its process id."""
        if self._user:
            shutil.chown(self._home, self._user, self._user)
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync", "--pgdata", f"{self._home}/data")
        options = f"-c listen_addresses='' -c unix_socket_directories={self._home} {self._risk}"
        self._run("pg_ctl", "start", "-w", "-D", f"{self._home}/data", "-l", f"{self._home}/log", "-o", options)
        return int((self._home / "data/postmaster.pid").read_text().partition("\n")[0])

    def create_database(self, name: str = "", template: str = "template1") -> str:
        name = name or f"test_{next(self._numbers)}"
        with psycopg.connect(host=str(self._home), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"postgresql://postgres@/{name}?host={self._home}"

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", f"{self._home}/data")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        # pg_ctl's server keeps what it inherits open, so nothing of it may be a pipe that is read to its end
        done = subprocess.run(
            command, user=self._user, cwd=self._home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
        assert done.returncode == 0, f"{program} failed with {done.returncode}: look into {self._home}"
