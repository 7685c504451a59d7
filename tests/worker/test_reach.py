"""Who is there, asked of BMCs that others wrote and of places where nobody is."""

import socket
from pathlib import Path

import pytest

from tests.contract.bmcs import free_udp_port, ipmi_sim, simulated_bmcs, virtual_bmc
from tests.contract.redfish_bmcs import redfish_bmcs
from tests.stopwatch import Stopwatch
from worker.reach import reachable


def test_bmcs_answer_whatever_they_are(tmp_path: Path) -> None:
    """ipmi_sim, VirtualBMC, the simulated ones by IPMI and by Redfish; all at once and at once."""
    for name in ("sim", "vbmc", "redfish"):
        (tmp_path / name).mkdir()
    with (
        ipmi_sim(tmp_path / "sim") as sim,
        virtual_bmc(tmp_path / "vbmc") as virtual,
        simulated_bmcs() as hall,
        redfish_bmcs(tmp_path / "redfish") as redfish,
    ):
        logins = [sim.login, virtual.login, redfish.start_redfish().login, *(hall.start().login for _ in range(50))]
        addresses = {login.address for login in logins}
        watch = Stopwatch()
        assert reachable(addresses) == addresses
        assert watch.took_s() < 1


def test_the_dead_cost_two_seconds_in_all() -> None:
    """Silent ones, closed ports, and hosts that answer nothing; the living are found among them."""
    with simulated_bmcs() as hall, socket.socket() as listening:
        living, silent = hall.start(), hall.start()
        silent.faults.silent = True
        listening.bind(("127.0.0.1", 0))
        closed = [f"ipmi://127.0.0.1:{free_udp_port()}", f"redfish://127.0.0.1:{listening.getsockname()[1]}"]
        nobody = ["ipmi://192.0.2.7", "redfish://192.0.2.7", "ipmi://[2001:db8::7]"]
        watch = Stopwatch()
        assert reachable([living.login.address, silent.login.address, *closed, *nobody]) == {living.login.address}
        assert watch.took_s() < 3


@pytest.mark.parametrize("address", ["ipmi://bmc.example", "redfish://bmc.example", "fake://1"])
def test_what_cannot_be_asked_is_taken_for_there(address: str) -> None:
    """Names are for the driver to look up."""
    assert reachable([address]) == {address}
