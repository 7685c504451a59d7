"""The two databases that Ironic runs on here, each with the layout of services that its documentation asks for.

SQLite: one combined `ironic` process, the only layout that Ironic supports on it. MariaDB: `ironic-api` and
`ironic-conductor`, as operators run it.
"""

import enum
import os
import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bmprov.deadline import Deadline
from tests.bench.ironic_process import Service
from tests.bench.measure import BenchError, wait_for

START_TIMEOUT_S = 60.0


class Layout(enum.Enum):
    """How Ironic is laid out: its database and its processes."""

    SQLITE = "SQLite, one combined process"
    MARIADB = "MariaDB, 2 API workers and a conductor"


@dataclass(frozen=True)
class Database:
    """A database that is ready for Ironic: its SQLAlchemy URL, and its process if it has one."""

    url: str
    services: tuple[Service, ...]


def best_layout() -> Layout:
    """MariaDB where it is installed, since Ironic deploys half as fast again on it; else SQLite."""
    return Layout.MARIADB if _find("mariadbd") else Layout.SQLITE


def start_database(layout: Layout, work: Path, stop: ExitStack) -> Database:
    """An empty database below `work`; `stop` ends what it starts."""
    if layout is Layout.SQLITE:
        return Database(f"sqlite:///{work / 'ironic.sqlite'}", ())
    return _start_mariadb(work, stop)


def _start_mariadb(work: Path, stop: ExitStack) -> Database:
    """MariaDB with its own data folder and only a Unix socket, so that one which the machine runs is left alone."""
    data, socket, created = work / "mariadb", work / "mariadb.sock", work / "create.sql"
    user = f"--user={'root' if os.geteuid() == 0 else os.environ.get('USER', 'mysql')}"
    install = (_program("mariadb-install-db"), "--no-defaults", user, f"--datadir={data}", "--skip-test-db",
               "--auth-root-authentication-method=normal")  # fmt: skip
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"mariadb-install-db failed: {done.stderr[-1000:]}")
    created.write_text("CREATE DATABASE ironic CHARACTER SET utf8mb3;\n")
    server = Service.start(
        "mariadbd",
        (
            *(_program("mariadbd"), "--no-defaults", user, f"--datadir={data}", f"--socket={socket}"),
            *(f"--init-file={created}", "--skip-networking", "--max-connections=500"),
            # Each commit goes to the kernel and to the disk once a second, which is what SQLite in WAL mode does too.
            "--innodb-flush-log-at-trx-commit=2",
        ),
        work,
        stop,
    )
    wait_for(lambda: server.alive and socket.exists(), "MariaDB's start", Deadline.after(START_TIMEOUT_S))
    return Database(f"mysql+pymysql://root@localhost/ironic?unix_socket={socket}", (server,))


def _find(name: str) -> str | None:
    # Debian puts the server into /usr/sbin, which a plain user's PATH lacks.
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _program(name: str) -> str:
    path = _find(name)
    if path is None:
        raise BenchError(f"{name} was not found: install Debian's package mariadb-server")
    return path
