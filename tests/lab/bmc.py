"""The BMC of a lab machine: OpenIPMI's ipmi_sim, which drives the QEMU behind it through `chassis.py`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bmprov.power import BmcLogin
from tests import debian
from tests.contract.bmcs import EMULATION, LAN, PASSWORD, USER, free_udp_port, running, wait_for
from tests.lab import chassis
from tests.lab.qemu import Hardware

_PROGRAM = """#!/bin/sh
exec {python} -I -S {chassis} {folder} "$@"
"""


@contextmanager
def bmc(hardware: Hardware) -> Iterator[BmcLogin]:
    """A BMC with this machine behind it, off. The machine loses its power with it."""
    folder, port = hardware.folder, free_udp_port()
    hardware.install()
    texts = {
        "chassis": _PROGRAM.format(python=sys.executable, chassis=chassis.__file__, folder=folder),
        "lan.conf": LAN.format(port=port, folder=folder, user=USER, password=PASSWORD),
        "sim.emu": EMULATION,
        "boot": "none",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "chassis").chmod(0o700)
    (folder / "state").mkdir()
    program = debian.program("ipmi_sim", "openipmi")
    with running([program, "-c", "lan.conf", "-f", "sim.emu", "-s", "state", "-n"], folder):
        login = BmcLogin(f"ipmi://127.0.0.1:{port}", USER, PASSWORD)
        wait_for(login)
        try:
            yield login
        finally:
            chassis.Chassis(Path(folder)).obey("power", "0")
