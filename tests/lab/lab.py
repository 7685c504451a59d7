"""The service and its machines on a network of their own: every process that an operator would start, and real BMCs.

Everything that was said is kept in the lab's folder: a log for each process, each machine's serial console and what its
BMC did, and all packets of the provisioning network.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bmprov.api.shapes.machine import MachineIn
from bmprov.cli import credentials, furnish, valkey
from bmprov.cli.api import Api
from bmprov.cli.api import path as api_path
from bmprov.cli.enrolling import Enrolling
from bmprov.cli.folder import Folder
from bmprov.cli.login import Login
from bmprov.cli.readiness import wait_ready
from bmprov.deadline import Deadline
from bmprov.power import BmcLogin, PowerAction
from bmprov.settings import Settings, WorkerSettings
from bmprov.sim.cloudstack import CloudStack, Result
from tests import debian
from tests.lab import lossy as cable
from tests.lab import network
from tests.lab.bmc import RunningBmc, bmc
from tests.lab.configured import configured
from tests.lab.instance import USER_DATA, Instance
from tests.lab.qemu import Firmware, Hardware
from tests.lab.redfish_bmc import redfish_bmc
from tests.lab.router import Home, router
from tests.lab.timeline import Event, is_start, printed, since_power_on, timeline
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.ipmi import IpmiDriver

_EXTENSION = Path(__file__).parents[2] / "extension" / "bmprov.py"
_BMPROV = (sys.executable, "-m", "bmprov")
_STOP_S = 20
_LOOK_EVERY_S = 0.05


@dataclass
class Lab:
    """A running service on a network. Make one with `lab`."""

    folder: Folder
    net: network.Network
    settings: Settings
    stack: ExitStack
    machines: dict[str, Hardware] = field(default_factory=dict)
    bmcs: dict[str, RunningBmc] = field(default_factory=dict)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4))

    @property
    def ramdisk(self) -> Path:
        """Where kernel and initramfs are served from."""
        return self.settings.images / "ramdisk"

    def machine(
        self,
        name: str,
        firmware: Firmware,
        *,
        nics: int = 1,
        taps: Sequence[str] = (),
        lossy: float = 0,
        virtual_cd: bool = False,
        **more: Any,  # noqa: ANN401 - its fields
    ) -> Hardware:
        """A machine, enrolled with its BMC and inspected. Its cables lose a share `lossy` of frames (`lossy.py`).

        With `taps` its NICs are plugged in there, else on the lab's bridge. With `virtual_cd` its BMC speaks Redfish,
        and it boots the ramdisk from there.
        """
        number = len(self.machines) + 1
        folder = self.folder.root / name
        folder.mkdir()
        taps = taps or [self._plug(number + 50 * nic, lossy) for nic in range(nics)]
        cables = {tap: f"52:54:00:77:{nic:02x}:{number:02x}" for nic, tap in enumerate(taps)}
        hardware = Hardware(folder, firmware, cables, **more)
        if virtual_cd:
            login = self.stack.enter_context(redfish_bmc(hardware))
        else:
            self.bmcs[name] = self.stack.enter_context(bmc(hardware))
            login = self.bmcs[name].login
        enrolling = Enrolling(self.api, lambda _: None)
        enrolling.run([_enrolled(name, hardware, login)], wait=False)
        enrolling.wait_inspected({name})
        self.machines[name] = hardware
        return hardware

    def _plug(self, number: int, lossy: float) -> str:
        if not lossy:
            return self.net.tap(number)
        tap, plug = self.net.cable(number)
        self.start(f"cable-{number}", sys.executable, "-I", "-S", cable.__file__, tap, plug, str(lossy))
        return tap

    @property
    def api(self) -> Api:
        """The API, as the administrator."""
        return self.stack.enter_context(Api(Login.from_file(self.folder.client_ini)))

    def instance(
        self,
        number: int = 1,
        image: str = "demo",
        machine: str = "",
        *,
        nics: int = 1,
        asking: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 - those of `Instance.prepared`
    ) -> Instance:
        """An instance of CloudStack's, prepared; `asking` are details by which it asks for more."""
        login = Login.from_file(self.folder.extension_ini)
        details = {"endpoint": login.endpoint, "token": login.token, "ca": login.ca}
        place = self.folder.root / f"cloudstack-{number}"
        (place / "extension").mkdir(parents=True)
        extension = Path(shutil.copy(_EXTENSION, place / "extension"))
        cloudstack = CloudStack(extension, place / "payloads", details, host={"host": "metal1"}, timeout_s=300)
        chosen = {"image": image, "machine": machine, **(asking or {})}
        external = {name: value for name, value in chosen.items() if value}
        return Instance.prepared(cloudstack, number, nics, external, **{"user_data": USER_DATA} | more)

    def deploy(self, number: int = 1, **more: Any) -> Future[Result]:  # noqa: ANN401 - as for `instance`
        """CloudStack's call to create an instance, under way."""
        return self._pool.submit(self.instance(number, **more).create)

    @contextmanager
    def router(self, addresses: Mapping[str, str], vlan: int = 0) -> Iterator[Home]:
        """A tenant's network while the block lasts, with the addresses that CloudStack issued, by MAC.

        It is that VLAN on the trunk of the lab's switch; VLAN 0 is the lab's one bridge.
        """
        with router(self.net, self.folder.root, addresses, vlan) as home:
            yield home

    def add_image(self, name: str, file: Path) -> None:
        """Put an image into the catalogue."""
        with file.open("rb") as content:
            self.api.upload(api_path("images", name), content, file.stat().st_size, {})

    def finish(self) -> None:
        """Cancel what is under way, so that CloudStack's calls return."""
        with Api(Login.from_file(self.folder.client_ini)) as api:
            for operation in api.get("/operations", unfinished=True)["operations"]:
                api.post(api_path("operations", operation["id"], "cancel"))
        self._pool.shutdown()

    def operation(self, machine: str) -> dict[str, Any]:
        """What is being done to a machine."""
        with Api(Login.from_file(self.folder.client_ini)) as api:
            found: dict[str, Any] = api.get(api_path("machines", machine))["operation"]
        return found

    def started_at(self, machine: str) -> float:
        """When a machine was switched on first (seconds since the epoch)."""
        return next(event.at for event in timeline(self.machines[machine], self.folder.logs) if is_start(event))

    def events(self, machine: str) -> list[Event]:
        """What happened since the machine was switched on."""
        return since_power_on(timeline(self.machines[machine], self.folder.logs))

    def wait(self, machine: str, words: str, within_s: float) -> float:
        """Return when an event with these words has happened; its seconds since power-on."""
        until = time.monotonic() + within_s
        while True:
            events = self.events(machine) if (self.machines[machine].folder / "events").exists() else []
            found = [event.at for event in events if words in event.what]
            if found:
                return found[0]
            assert time.monotonic() < until, f"no '{words}' in {within_s:g} s:\n{printed(events)}"
            time.sleep(_LOOK_EVERY_S)  # the logs of other processes

    def wait_console(self, machine: str, words: str, within_s: float, *, behind: int = 0) -> float:
        """Return when a machine has said this on its serial console; the seconds since power-on.

        What stands in the first `behind` bytes does not count.
        """
        console, until = self.machines[machine].serial, time.monotonic() + within_s
        while not console.exists() or words.encode() not in console.read_bytes()[behind:]:
            assert time.monotonic() < until, f"no '{words}' in {within_s:g} s: {console}"
            time.sleep(_LOOK_EVERY_S)  # QEMU writes it
        return time.time() - self.started_at(machine)

    def switch(self, machine: str, action: PowerAction) -> None:
        """Move a machine's power behind the service's back, through its BMC."""
        IpmiDriver(self.bmcs[machine].login, LocalBmcLock()).switch(action, Deadline.after(20))

    def freeze(self, machine: str) -> None:
        """Let a machine hang, with its power on."""
        os.killpg(int((self.machines[machine].folder / "pid").read_text()), signal.SIGSTOP)

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Run a process in the lab until the lab ends, its output in a log."""
        self.folder.logs.mkdir(exist_ok=True)
        with (self.folder.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.stack.callback(_end, process)
        self._processes[name] = process
        return process

    def stop(self, name: str) -> None:
        """End a process of the lab."""
        _end(self._processes.pop(name))

    def serve(self) -> None:
        """Start every process of the service, and return when all of them answer."""
        at = ("--config", str(self.folder.settings))
        valkey.configure(self.folder, self.settings.redis)
        self.start("valkey", valkey.program(), str(self.folder.valkey_conf))
        valkey.wait(self.settings.redis, self.folder.logs / "valkey.log")
        subprocess.run([*_BMPROV, "migrate", *at], check=True, capture_output=True)
        credentials.hand_over(self.folder, self.settings)
        for slot in ("worker-1", "worker-2"):
            self.start(slot, *_BMPROV, "worker", *at, "--name", slot)
        for name in ("serve", "watch", "console"):
            self.start(name, *_BMPROV, name, *at)
        for part in ("dhcp", "tftp", "http"):
            self.start(f"pxe-{part}", *_BMPROV, "pxe", *at, part)
        wait_ready(Login.from_file(self.folder.client_ini), self.settings)

    def capture(self) -> None:
        """Keep all packets of the provisioning network."""
        file = str(self.folder.root / "packets.pcap")
        program = debian.program("tcpdump", "tcpdump")
        self.start("tcpdump", program, "-i", network.BRIDGE, "-s", "600", "-U", "-Z", "root", "-w", file)


@contextmanager
def lab(place: Path, worker: WorkerSettings | None = None, **pxe: object) -> Iterator[Lab]:
    """A lab in a folder, with these settings of `[pxe]`; this thread is in its network while the block lasts."""
    folder = Folder.make(place)
    with ExitStack() as stack:
        net = stack.enter_context(network.network())
        stack.enter_context(net.inside())
        built = Lab(folder, net, configured(folder, worker or WorkerSettings(), pxe), stack)
        built.capture()
        built.serve()
        furnish.add_demo_image(built.api)
        stack.callback(built.finish)
        yield built


def _enrolled(name: str, hardware: Hardware, login: BmcLogin) -> MachineIn:
    return MachineIn.model_validate(
        {
            "name": name,
            "bmc": {"address": login.address, "user": login.user, "password": login.password},
            "nics": [{"mac": mac, "netboot": mac == hardware.macs[0]} for mac in hardware.macs],
            "boot_mode": hardware.firmware.boot_mode,
            "secure_boot": hardware.firmware.is_secure,
            "boot_from": "virtual-media" if login.address.startswith("redfish") else "network",
            "cpus": 2,
            "memory_mib": 4096,
            "disk_gib": max(1, max(hardware.disks_mib) >> 10),
        }
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
