"""A region in a process of its own, for benchmarks."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_LONG_S = 10.0


@dataclass(frozen=True)
class Counted:
    """What went over HTTP since the last look. `cpu_s` is the region's processor time since it was started."""

    calls: dict[str, int]
    received_bytes: int
    sent_bytes: int
    cpu_s: float


@dataclass(frozen=True)
class RegionProcess:
    url: str
    key: str
    pid: int
    _input: IO[str]
    _output: IO[str]

    def counted(self) -> Counted:
        """What was called since the last time that this was asked."""
        self._input.write("\n")
        self._input.flush()
        return Counted(**json.loads(self._output.readline()))


@contextmanager
def region_process(machines: int, *, latency_s: float = 0.0, deploy_s: float = 0.1) -> Iterator[RegionProcess]:
    """A region whose machines are Ready and off; each call takes the latency and what it costs."""
    options = ["--machines", str(machines), "--latency-s", str(latency_s), "--deploy-s", str(deploy_s)]
    command = [sys.executable, "-m", "tests.maas", *options]
    pipe, root = subprocess.PIPE, Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=root) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield RegionProcess(**json.loads(process.stdout.readline()), _input=process.stdin, _output=process.stdout)
        finally:
            process.stdin.close()
            process.wait(_LONG_S)
