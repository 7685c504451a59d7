"""A hall of simulated machines as a process of its own."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bmprov.settings import PxeSettings, Settings, dump

ENDS_S = 20.0
_PROGRAM = """
import sys
from pathlib import Path
from bmprov.settings import load
from bmprov.sim import hall

hall.run(Path(sys.argv[1]), load(Path(sys.argv[2])))
"""


def hall_command(path: Path) -> list[str]:
    """The command that runs the hall in `path`, beside which it finds its settings."""
    settings = path.with_name("bmprov.toml")
    settings.write_text(dump(Settings(pxe=PxeSettings(dhcp_port=9))))
    return [sys.executable, "-c", _PROGRAM, str(path), str(settings)]


@contextmanager
def running_hall(path: Path) -> Iterator[None]:
    """The hall in `path` is up for as long as the block lasts, and then ends as it should."""
    told = path.with_name("hall.log")
    with told.open("wb") as log:
        process = subprocess.Popen(hall_command(path), stdout=log, stderr=log)
    try:
        wait_for(lambda: b"are up" in told.read_bytes())
        yield
        process.terminate()
        assert process.wait(ENDS_S) == 0
        assert b"Traceback" not in told.read_bytes()
    finally:
        process.kill()


def wait_for(holds: Callable[[], bool]) -> None:
    """Return once another process has made it hold."""
    end = time.monotonic() + ENDS_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
