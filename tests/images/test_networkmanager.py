"""A NetworkManager that runs, as on Rocky Linux: its NICs take CloudStack's MACs, which the virtual router knows."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from bmprov.model import Nic
from images.nocloud import documents
from tests import debian
from tests.images.instance import boothook, issued, nic, real, request_of
from tests.images.rendering import render

PROGRAMS = {
    "NetworkManager": "network-manager",
    "nmcli": "network-manager",
    "dbus-daemon": "dbus",
    "dnsmasq": "dnsmasq-base",
    "unshare": "util-linux",
}


def nics(told: str) -> dict[str, dict[str, Any]]:
    return {one["ifname"]: one for one in json.loads(told)}


def addresses(found: dict[str, Any]) -> list[str]:
    return [f"{one['local']}/{one['prefixlen']}" for one in found["addr_info"] if one["scope"] == "global"]


def test_the_virtual_router_answers_the_mac_that_cloudstack_issued(tmp_path: Path) -> None:
    """Not the NIC's own: before the script has run, the one by DHCP has no address. The other keeps its fixed ones."""
    if os.geteuid():
        debian.missing("root", "a NetworkManager of a test's own needs a message bus of its own")
    for name, package in PROGRAMS.items():
        debian.program(name, package)
    request = request_of(
        nic(0, ip6address="fd00::7", ip6cidr="fd00::/64", ip6gateway="fd00::1"), nic(1), addresses=",dhcp"
    )
    made = documents(request, (Nic(real(0), 0), Nic(real(1), 1)))
    root = render(made["network-config"], [real(0), real(1)], tmp_path, "rhel", "network-manager")
    script, here = tmp_path / "script", Path(__file__).with_name("networkmanager.sh")
    script.write_text(boothook(made))
    alone = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    done = subprocess.run(
        [*alone, "sh", here, root / "etc", script], capture_output=True, text=True, check=False, timeout=100
    )
    if done.returncode == 77:
        debian.missing("namespaces with a /sys and a /proc of their own", done.stderr.strip())
    lines = [line for line in done.stdout.splitlines() if line.startswith("[{")]
    assert len(lines) == 2, done.stdout + done.stderr
    before, after = map(nics, lines)
    assert [before[name]["address"] for name in ("enp1s0", "enp2s0")] == [real(0), real(1)]
    assert [after[name]["address"] for name in ("enp1s0", "enp2s0")] == [issued(0), issued(1)]
    assert addresses(before["enp2s0"]) == []
    assert addresses(after["enp2s0"]) == ["10.1.1.7/24"]
    assert sorted(addresses(after["enp1s0"])) == ["10.0.1.7/24", "fd00::7/64"]
