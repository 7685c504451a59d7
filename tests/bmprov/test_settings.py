"""The settings file: what is written is read back, and what makes no sense is told."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from bmprov.errors import Fatal
from bmprov.settings import PxeSettings, Settings, dump, load
from bmprov.subnet import Subnet

RACK = "network = '10.8.0.0/24'\nrange_first = '10.8.0.10'\nrange_last = '10.8.0.20'\n"


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """All tables, with a tuple, networks and an argument list in them."""
    rack = Subnet(IPv4Network("10.8.0.0/24"), IPv4Address("10.8.0.10"), IPv4Address("10.8.0.20"), "10.8.0.1")
    pxe = PxeSettings(dns=("10.1.0.2", "10.1.0.3"), kernel_arguments="console=tty0 console=ttyS0,115200n8")
    pxe = replace(pxe, networks=(rack,), forwarders=("10.1.0.2", "10.1.0.3:5353"))
    chosen = replace(Settings(), site="hall-2", pxe=pxe)
    path = tmp_path / "bmprov.toml"
    path.write_text(dump(chosen))
    assert load(path) == chosen


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("site = 1", "site"),
        ("[pxe]\nlistne = '0.0.0.0'", "listne"),
        ("[pxe]\nnetwork = '10.1.0.1/16'", "10.1.0.1/16"),
        ("[pxe]\nkernel_arguments = 'quiet; reboot'", "pxe.kernel_arguments"),
        ("[pxe]\nkernel_arguments = 'a=${b}'", "pxe.kernel_arguments"),
        ('[pxe]\nkernel_arguments = """a\nboot"""', "pxe.kernel_arguments"),
        (f"[pxe]\nkernel_arguments = '{'x' * 81}'", "pxe.kernel_arguments"),
        ("[pxe]\nmedia_url = '10.2.0.1:8080'", "pxe.media_url"),
        ("[pxe]\nmedia_url = 'http://10.2.0.1:8080/boot'", "pxe.media_url"),
        ("[pxe]\ndomain = 'Boot.example'", "pxe.domain"),
        ("[pxe]\nforwarders = ['dns.example']", "pxe.forwarders"),
        ("[pxe]\nforwarders = ['10.1.0.2:65536']", "pxe.forwarders"),
        ("[pxe]\naddress = '10.1.0.1'\ndns_port = 53\nforwarders = ['10.1.0.1']", "this DNS server itself"),
        ("[[pxe.networks]]\nrouter = '10.9.0.1'", "pxe.networks"),
        ("[pxe]\nnetworks = ['10.9.0.0/24']", "pxe.networks"),
        (f"[[pxe.networks]]\n{RACK}router = '10.9.0.1'", "needs a router"),
        (f"[[pxe.networks]]\n{RACK}", "needs a router"),
        (f"[[pxe.networks]]\n{RACK}router = '10.8.0.15'", "is in the range"),
        (f"[[pxe.networks]]\n{RACK.replace('8.0.20', '8.1.20')}router = '10.8.0.1'", "does not have a range"),
        (f"[[pxe.networks]]\n{RACK}router = '10.8.0.1'\nvlan = 7", "pxe.networks.vlan"),
        (f"[pxe]\nnetwork = '10.0.0.0/8'\n[[pxe.networks]]\n{RACK}router = '10.8.0.1'", "overlap"),
        ("= 1", "line 1"),
    ],
)
def test_what_makes_no_sense_is_told(tmp_path: Path, text: str, words: str) -> None:
    """One sentence with the file, the key and where every key is documented."""
    path = tmp_path / "bmprov.toml"
    path.write_text(text)
    with pytest.raises(Fatal) as caught:
        load(path)
    assert words in caught.value.why
    assert str(path) in caught.value.why
    assert "docs/settings.md" in caught.value.check


def test_dhcp_names_the_dns_server_that_clients_can_ask() -> None:
    """The service's own on port 53, unless others are set; a resolver asks no other port."""
    assert PxeSettings(address="10.1.0.1").dns_told == ()
    assert PxeSettings(address="10.1.0.1", dns_port=53).dns_told == ("10.1.0.1",)
    assert PxeSettings(address="10.1.0.1", dns_port=5353).dns_told == ()
    assert PxeSettings(address="10.1.0.1", dns_port=53, dns=("10.1.0.2",)).dns_told == ("10.1.0.2",)
