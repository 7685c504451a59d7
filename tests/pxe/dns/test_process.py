"""`bmprov pxe dns` as a process: machines from the store, as they come and go."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.reversename
import pytest

from bmprov.errors import Fatal
from bmprov.settings import dump
from pxe.dns.process import run
from tests.pxe.dns.serving import free_port
from tests.pxe.provisioning import Site

NAME, ADDRESS = "rack1-01.hall.example", "127.66.0.10"


def ask(port: int, name: str, kind: str) -> list[str]:
    """The data of the answer."""
    told = dns.query.udp(dns.message.make_query(name, kind), "127.0.0.1", 0.5, port)
    return [str(data) for rrset in told.answer for data in rrset]


def test_a_machine_has_a_name_while_it_is_deployed(site: Site, tmp_path: Path) -> None:
    """From its address until the image is on the disk, in both directions; a neighbour without operation has none."""
    operation = site.deploy(1)
    site.enrol(2)
    site.booted_at(operation, ADDRESS)
    pxe = replace(site.settings.pxe, dns_port=free_port(), domain="hall.example")
    config = tmp_path / "bmprov.toml"
    config.write_text(dump(replace(site.settings, pxe=pxe)))
    reverse = str(dns.reversename.from_address(ADDRESS))
    running = subprocess.Popen([sys.executable, "-m", "bmprov", "pxe", "--config", str(config), "dns"])
    try:
        assert _first_answer(pxe.dns_port) == [ADDRESS]
        assert ask(pxe.dns_port, reverse, "PTR") == [f"{NAME}."]
        assert ask(pxe.dns_port, "rack1-02.hall.example", "A") == []
        site.close_netboot(operation)
        _until_gone(pxe.dns_port)
        assert ask(pxe.dns_port, reverse, "PTR") == []
    finally:
        running.terminate()
        assert running.wait(10) == 0


def test_without_a_port_there_is_no_dns(site: Site) -> None:
    """Said in a sentence that names the setting."""
    with pytest.raises(Fatal, match=r"pxe\.dns_port"):
        run(site.settings)


def _first_answer(port: int) -> list[str]:
    for _ in range(60):
        try:
            return ask(port, NAME, "A")
        except (OSError, dns.exception.Timeout):
            continue  # it still starts
    pytest.fail("the DNS server does not answer")


def _until_gone(port: int) -> None:
    for _ in range(100):
        if not ask(port, NAME, "A"):
            return
        time.sleep(0.05)  # the machines are read once a second, and who asks all the time is cut off
    pytest.fail("the name outlives the boot")
