"""Simulated BMCs in a process of their own: `python -m tests.bench.hall FOLDER PROTOCOL COUNT SILENT`.

It prints their addresses as one line of JSON when all are up, and for each line that it then reads how many requests
the Redfish ones have answered and how many sessions they have open. Each stands on an address of its own with its usual
port, so that ipmipower's list of hosts is as in a data centre; this needs root.
"""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen

from bmprov import tls
from bmprov.model import BootMode
from bmprov.power import BmcLogin
from bmprov.sim.bmc import Bmc
from bmprov.sim.bmc_server import serve_bmc
from bmprov.sim.chassis import PlainChassis
from bmprov.sim.facts import MachineFacts
from bmprov.sim.ipmi.session import Account
from bmprov.sim.redfish.bmc import RedfishBmc
from bmprov.sim.redfish.endpoint import serve_redfish

USER, PASSWORD = "admin", "secret"
_PORTS = {"ipmi": 623, "redfish": 443}


@dataclass(frozen=True)
class Hall:
    """The BMCs from outside."""

    logins: list[BmcLogin]
    process: "Popen[str]"

    def counts(self) -> tuple[int, int]:
        """Requests answered so far, and sessions open now, of Redfish BMCs."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        requests, sessions = json.loads(self.process.stdout.readline())
        return requests, sessions


@contextmanager
def hall(folder: Path, protocol: str, count: int, silent: int = 0) -> Iterator[Hall]:
    """So many BMCs, of which the first `silent` answer nothing."""
    command = [sys.executable, "-m", "tests.bench.hall", str(folder), protocol, str(count), str(silent)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            hosts = json.loads(process.stdout.readline())
            trust = f"sha256:{tls.fingerprint(folder / 'bmc.pem')}" if protocol == "redfish" else ""
            yield Hall([BmcLogin(f"{protocol}://{host}", USER, PASSWORD, trust=trust) for host in hosts], process)
        finally:
            process.kill()


async def _serve(folder: Path, protocol: str, count: int, silent: int) -> None:
    hosts = [f"127.{77 + (protocol == 'redfish')}.{number // 250}.{number % 250 + 1}" for number in range(count)]
    later, redfish = asyncio.get_running_loop().call_later, list[RedfishBmc]()
    context = _context(folder) if protocol == "redfish" else None
    for number, host in enumerate(hosts):
        account = Account(USER, PASSWORD)
        if context is None:
            bmc = Bmc(PlainChassis(), account, later)
            bmc.faults.silent = number < silent
            await serve_bmc(bmc, host, _PORTS[protocol])
        else:
            facts = MachineFacts(f"m{number}", (), boot_mode=BootMode.UEFI)
            redfish.append(RedfishBmc(PlainChassis(), account, later, time.monotonic, facts=facts))
            redfish[-1].faults.silent = number < silent
            await serve_redfish(redfish[-1], host, _PORTS[protocol], tls=context)
    print(json.dumps(hosts), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        requests = sum(bmc.counts.requests.total() for bmc in redfish)
        print(json.dumps([requests, sum(bmc.open_sessions for bmc in redfish)]), flush=True)


def _context(folder: Path) -> ssl.SSLContext:
    tls.ensure(folder / "bmc.pem", folder / "bmc.key", ["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "bmc.pem", folder / "bmc.key")
    return context


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
