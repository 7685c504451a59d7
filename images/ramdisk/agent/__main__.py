"""The agent's process: one deployment, from the kernel's command line to `done` or `failed`."""

import encodings.ascii  # the ramdisk has what is imported here, and Python looks these up by name when it needs them
import encodings.idna
import encodings.latin_1  # noqa: F401 # as the two above
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .firmware import boot_from
from .lldp import Neighbours
from .machine import choose_disk, disks, inventory, text
from .service import Service
from .settling import settle
from .words import Broken, GivesUp, say
from .writing import Target, Writing

DOCUMENTS = ("meta-data", "user-data", "vendor-data", "network-config")
LOG_BYTES = 60_000
DISKS_S = 10
NETWORK = Path("/run/network")


def deploy(service: Service, neighbours: Neighbours) -> None:
    """Carry out what the service wants."""
    service.tell("inventory", inventory(neighbours.found))
    todo = service.deployment()
    image = todo["image"]
    disk = patient_choice(todo["disk"])
    path = f"/dev/{disk['name']}"
    say(f"writing {image['raw_size_bytes']} bytes to {path}, {disk['model'] or 'no model'}, {disk['size_bytes']} bytes")
    began, target = time.monotonic(), Target(path)
    writing = Writing(service, image, target)
    digest = writing.run()
    target.finish()
    say(f"written and verified in {time.monotonic() - began:.1f} s, {writing.zeroed_bytes} bytes of it zeros")
    settle(path, {name: service.fetch(todo["seed_url"] + name) for name in DOCUMENTS})
    boot_from(path)
    os.sync()
    if neighbours.found:
        service.tell("inventory", inventory(neighbours.found))
    service.progress(writing.written_bytes, int(image["raw_size_bytes"]))
    service.tell("done", {"raw_tree_sha512": digest})


def patient_choice(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """The disk that the image goes to; controllers take some seconds until they show their disks."""
    until = time.monotonic() + DISKS_S
    while True:
        try:
            return choose_disk(disks(), rule)
        except GivesUp:
            if time.monotonic() > until:
                raise
            time.sleep(1)  # nothing tells that there will be no more


def arguments() -> dict[str, str]:
    """The words `bmprov.NAME=VALUE` of the kernel's command line."""
    words = (word.partition("=") for word in text(Path("/proc/cmdline")).split())
    return {name.removeprefix("bmprov."): value for name, _, value in words if name.startswith("bmprov.")}


def kernel_log(token: str) -> str:
    """The end of the kernel's log, with the agent's own lines; the token is on the command line that stands in it."""
    done = subprocess.run(["dmesg"], capture_output=True, text=True, errors="replace", check=False)
    return done.stdout.replace(token, "***")[-LOG_BYTES:]


def main() -> int:
    """Deploy, or say why not; the exit code."""
    told = arguments()
    if not {"api", "token"} <= told.keys():
        say("the kernel's command line has no bmprov.api and bmprov.token: bmprov's iPXE script puts them there")
        return 2
    neighbours = Neighbours()
    neighbours.start()  # before the links are up: many switches speak at once then, and not again for half a minute
    if NETWORK.exists():  # the first process makes it, and says there when the network is up
        NETWORK.read_text()
    service = Service(told["api"].rstrip("/"), told["token"])
    try:
        deploy(service, neighbours)
    except Exception as error:  # noqa: BLE001 # whatever it is, an operator must hear of it
        if not isinstance(error, GivesUp):
            for line in traceback.format_exc().splitlines():
                say(line)
        why = str(error) if isinstance(error, GivesUp) else f"{type(error).__name__}: {error}"
        say(f"gives up: {why}")
        try:
            log, hardware = kernel_log(told["token"]), isinstance(error, Broken)
            service.tell("failed", {"why": why[:500] or "unknown", "log": log, "hardware": hardware})
        except GivesUp as refused:
            say(f"and nobody wants to hear of it: {refused}")
        return 1
    say("done; bmprov restarts the machine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
