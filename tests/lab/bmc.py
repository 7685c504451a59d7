"""The BMC of a lab machine: OpenIPMI's ipmi_sim, which drives the QEMU behind it through `chassis.py`."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bmprov.power import BmcLogin
from tests import debian
from tests.contract.bmcs import EMULATION, LAN, PASSWORD, SERIAL, USER, free_tcp_port, free_udp_port, running, wait_for
from tests.lab import chassis, serial_cable
from tests.lab.qemu import Hardware

_OPTIONS = ("-c", "lan.conf", "-f", "sim.emu", "-s", "state", "-n")
_PROGRAM = """#!/bin/sh
exec {python} -I -S {chassis} {folder} "$@"
"""


@dataclass(frozen=True)
class RunningBmc:
    """How to log in to a BMC, and its process."""

    login: BmcLogin
    process: subprocess.Popen[bytes]


@contextmanager
def bmc(hardware: Hardware) -> Iterator[RunningBmc]:
    """A BMC with this machine behind it, off. The machine loses its power with it."""
    folder, port, serial_port = hardware.folder, free_udp_port(), free_tcp_port()
    hardware.install()
    lan = LAN.format(port=port, folder=folder, user=USER, password=PASSWORD) + SERIAL.format(port=serial_port)
    texts = {
        "chassis": _PROGRAM.format(python=sys.executable, chassis=chassis.__file__, folder=folder),
        "lan.conf": lan,
        "sim.emu": EMULATION,
        "boot": "none",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "chassis").chmod(0o700)
    (folder / "state").mkdir()
    program = debian.program("ipmi_sim", "openipmi")
    cable = [sys.executable, "-I", "-S", serial_cable.__file__, str(hardware.port), str(serial_port)]
    with ExitStack() as stack:
        stack.enter_context(running(cable, folder, "cable"))
        while not hardware.port.exists():
            time.sleep(0.01)  # who finds nobody there, as ipmi_sim may, tries again after many seconds
        process = stack.enter_context(running([program, *_OPTIONS], folder))
        login = BmcLogin(f"ipmi://127.0.0.1:{port}", USER, PASSWORD)
        wait_for(login)
        try:
            yield RunningBmc(login, process)
        finally:
            chassis.Chassis(Path(folder)).obey("power", "0")
