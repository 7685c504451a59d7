"""Runs in the machine of tests/bench/writing.py, with the modules that the ramdisk has: the same bytes, four ways."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, "/")
from agent.writing import Piece, Target, Writing  # type: ignore[import-not-found] # there only

MIB = 256
ROUNDS = 3
DATA, DISK = "/run/data", "/dev/vda"


class Memory:
    """A service that has the image in memory."""

    def stream(self, url: str, _size: int) -> Iterator[memoryview]:
        """The image, in pieces of what a socket gives at once."""
        memory = memoryview(bytearray(1 << 18))
        with Path(url).open("rb", buffering=0) as file:
            while count := file.readinto(memory):
                yield memory[:count]

    def progress(self, _done_bytes: int, _total_bytes: int) -> None:
        """Nobody listens."""


class Unhashed(Writing):
    """The agent's way to the disk, without the SHA-256 that is made beside it."""

    def _hash(self, piece: Piece) -> None:
        pass

    def _verified(self) -> str:
        return ""


class Hashed(Writing):
    """The same as it is; what should come out is not known here."""

    def _verified(self) -> str:
        return str(self._digest.hexdigest())


def agent(kind: type[Writing]) -> None:
    """Write everything with the agent."""
    target = Target(DISK)
    kind(Memory(), {"format": "raw", "url": DATA, "size_bytes": MIB << 20, "raw_size_bytes": MIB << 20}, target).run()
    target.finish()


def dd(*options: str) -> None:
    """Write everything with dd."""
    subprocess.run(["dd", f"if={DATA}", f"of={DISK}", "bs=4M", *options], check=True, stderr=subprocess.DEVNULL)


WAYS = {
    "dd, direct": lambda: dd("oflag=direct", "conv=fsync"),
    "dd, cached": lambda: dd("conv=fsync"),
    "agent: write": lambda: agent(Unhashed),
    "agent: write and SHA-256": lambda: agent(Hashed),
}


def main() -> None:
    """Take turns, and say the seconds of each."""
    agent_s = float(Path("/proc/uptime").read_text().split()[0])
    told: dict[str, list[float]] = {}
    with Path(DATA).open("wb") as file:
        file.writelines(os.urandom(1 << 20) for _ in range(MIB))
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            began = time.monotonic()
            way()
            told.setdefault(name, []).append(time.monotonic() - began)
    print(json.dumps({"mib": MIB, "agent_s": agent_s} | told), flush=True)


main()
