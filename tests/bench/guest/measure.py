"""Runs in the machine of tests/bench/writing.py, with the ramdisk's own modules: the same bytes, several ways."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, "/")
from agent.service import Sink  # type: ignore[import-not-found] # there only
from agent.writing import Target, Writing  # type: ignore[import-not-found] # there only

ROUNDS = 3
SOURCE, DISK, MEMORY = "/dev/vdb", "/dev/vda", Path("/run")


class Memory:
    """A service that has the image in memory."""

    def stream(self, url: str, _size: int, into: Sink) -> None:
        """The image, in pieces of what a socket gives at once."""
        with Path(url).open("rb", buffering=0) as file:
            while count := file.readinto(into.room()[: 1 << 18]):
                into.filled(count)

    def progress(self, _done_bytes: int, _total_bytes: int) -> None:
        """Nobody listens."""


def agent(image: Path, kind: str, raw: dict[str, Any]) -> None:
    """Write and verify everything with the agent."""
    target = Target(DISK)
    told = {"format": kind, "url": str(image), "size_bytes": image.stat().st_size, "raw_size_bytes": raw["size"]}
    Writing(Memory(), told | {"raw_tree_sha512": raw["tree"]}, target).run()
    target.finish()


def dd(image: Path, *options: str) -> None:
    """Write everything with dd."""
    subprocess.run(["dd", f"if={image}", f"of={DISK}", "bs=4M", *options], check=True, stderr=subprocess.DEVNULL)


def ways(name: str, raw: dict[str, Any]) -> dict[str, Callable[[], None]]:
    """What is measured with one content."""
    image = MEMORY / name
    return {
        "dd": lambda: dd(image, "conv=fsync"),
        "dd, direct": lambda: dd(image, "oflag=direct"),
        "agent": lambda: agent(image, "raw", raw),
    }


def fill(plan: dict[str, Any]) -> None:
    """Copy the contents from the second disk into memory."""
    with Path(SOURCE).open("rb") as source:
        for name, size in plan["files"].items():
            with (MEMORY / name).open("wb") as file:
                file.writelines(source.read(min(1 << 22, size - at)) for at in range(0, size, 1 << 22))


def main() -> None:
    """Take turns, and say the seconds of each."""
    agent_s = float(Path("/proc/uptime").read_text().split()[0])
    plan: dict[str, Any] = json.loads(Path("/bench/plan.json").read_text())
    fill(plan)
    tries = {(name, way): act for name in plan["raw"] for way, act in ways(name, plan["raw"][name]).items()}
    tries["system", "agent, from raw.zst"] = lambda: agent(MEMORY / "packed", "raw.zst", plan["raw"]["system"])
    told: dict[str, dict[str, list[float]]] = {}
    for _ in range(ROUNDS):
        for (name, way), act in tries.items():
            began = time.monotonic()
            act()
            told.setdefault(name, {}).setdefault(way, []).append(time.monotonic() - began)
    print(json.dumps({"agent_s": agent_s, "seconds": told}), flush=True)


main()
