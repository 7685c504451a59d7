"""One service of the peer as a process: its log, its end."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.bench.measure import BenchError

STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Service:
    """A running service. `alive` raises with the tail of its log when it has ended by itself."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, name: str, command: Sequence[str], work: Path, stop: ExitStack) -> Self:
        """Start it in a session of its own, its output in `work`; `stop` ends it with all its children."""
        log = work / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=work, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        service = cls(name, process, log)
        stop.callback(service.stop)
        return service

    @property
    def pid(self) -> int:
        """The id of its first process."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """True. Raises `BenchError` when the service has ended."""
        if self.process.poll() is None:
            return True
        raise BenchError(f"{self.name} ended with code {self.process.returncode}; its log ends with: {self.log_tail()}")

    def log_tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-1500:]

    def stop(self) -> None:
        """Ask it to end, and after ten seconds make its whole session end."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_TIMEOUT_S)
        with suppress(ProcessLookupError):  # what is left of its session: usually nothing
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
