"""The network of an installed system, judged by cloud-init's renderers, netplan and NetworkManager.

One instance has everything: a NIC with CloudStack's MAC and fixed addresses of both families, one by DHCP, one whose
IPv6 is the router's affair, a bond by LACP with fixed addresses and jumbo frames, and one that fails over, by DHCP.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bmprov.model import BondMode, Nic
from images.nocloud import documents
from tests import debian
from tests.images.instance import boothook, issued, nic, real, request_of
from tests.images.judge import Judge
from tests.images.rendering import lines, render

NICS = (
    *(Nic(real(number), number) for number in range(3)),
    Nic(real(3), 3, bond="bond0", bond_mode=BondMode.LACP),
    Nic(real(4), 4, netboot=True, bond="bond0", bond_mode=BondMode.LACP),
    Nic(real(5), 5, bond="bond1", bond_mode=BondMode.ACTIVE_BACKUP),
    Nic(real(6), 6, bond="bond1", bond_mode=BondMode.ACTIVE_BACKUP),
)
MACS = [nic.mac for nic in NICS]


def ipv6(number: int) -> dict[str, str]:
    return {"ip6cidr": f"fd0{number}::/64", "ip6gateway": f"fd0{number}::1"}


WANTED = [
    nic(0, mtu=1450, ip6address="fd00::7", **ipv6(0)),
    nic(1),
    nic(2, mac=real(2), **ipv6(2)),
    nic(3, mac=real(4), mtu=9000),
    nic(4, ip6address="fd04::7", **ipv6(4)),
]


def made(*nics: dict[str, object], has: Iterable[Nic] = NICS, **details: str) -> dict[str, bytes]:
    return documents(request_of(*nics, **details), tuple(has))


def config(*nics: dict[str, object], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    found: dict[str, Any] = yaml.safe_load(made(*nics, **more)["network-config"])
    return found


@pytest.fixture(scope="module")
def everything() -> dict[str, bytes]:
    return made(*WANTED, addresses=",dhcp,,,dhcp")


def test_a_nic_by_dhcp_says_who_it_is_by_its_mac() -> None:
    """Though CloudStack has an address for it: its router knows that, and gives it to this MAC."""
    told = config(nic(0), addresses="dhcp")["ethernets"]["nic0"]
    match = {"match": {"macaddress": real(0)}, "macaddress": issued(0)}
    assert told == match | {"dhcp4": True, "dhcp-identifier": "mac"}


def test_the_way_out_of_another_nic_yields() -> None:
    """For both families in the same words, which netplan wants."""
    told = config(nic(0), nic(1, **ipv6(1)), addresses="dhcp")["ethernets"]["nic1"]
    assert told["dhcp4-overrides"] == told["dhcp6-overrides"] == {"route-metric": 200}


def test_an_ipv6_network_without_an_address_is_the_routers_affair() -> None:
    """Beside a fixed IPv4 address; a fixed IPv6 address wants no second one."""
    told = config(nic(0, **ipv6(0)), nic(1, ip6address="fd01::7", **ipv6(1)))["ethernets"]
    assert (told["nic0"]["addresses"], told["nic0"]["dhcp6"], told["nic0"]["accept-ra"]) == (
        ["10.0.1.7/24"],
        True,
        True,
    )
    assert told["nic1"]["accept-ra"] is False
    assert "dhcp6" not in told["nic1"]


def test_a_bond_by_lacp() -> None:
    """Its MAC is that of the member that boots, and its members are found by their own."""
    told = config(nic(0, mac=real(4)), has=NICS[3:5])
    assert told == {
        "version": 2,
        "ethernets": {
            "port3": {"match": {"macaddress": real(3)}, "set-name": "port3"},
            "port4": {"match": {"macaddress": real(4)}, "set-name": "port4"},
        },
        "bonds": {
            "bond0": {
                "interfaces": ["port3", "port4"],
                "macaddress": real(4),
                "parameters": {
                    "mode": "802.3ad",
                    "lacp-rate": "fast",
                    "mii-monitor-interval": 100,
                    "transmit-hash-policy": "layer3+4",
                },
                "addresses": ["10.0.1.7/24"],
                "routes": [{"to": "0.0.0.0/0", "via": "10.0.1.1"}],
                "nameservers": {"addresses": ["10.0.1.2"]},
            }
        },
    }


def test_a_bond_that_fails_over_with_cloudstacks_mac() -> None:
    """It prefers the member that boots."""
    bond = config(nic(0), has=NICS[5:], mac="impose")["bonds"]["bond1"]
    assert bond["macaddress"] == issued(0)
    assert bond["parameters"] == {"mode": "active-backup", "primary": "port5", "mii-monitor-interval": 100}


NETWORKD = [
    ([f"PermanentMACAddress={real(0)}", "[Network]"], [f"MACAddress={issued(0)}", "MTUBytes=1450"]),
    ([f"PermanentMACAddress={real(0)}", "[Network]"], ["Address=10.0.1.7/24", "Address=fd00::7/64", "DNS=10.0.1.2"]),
    ([f"PermanentMACAddress={real(0)}", "[Network]"], ["Gateway=10.0.1.1", "Gateway=fd00::1", "IPv6AcceptRA=no"]),
    ([f"PermanentMACAddress={real(1)}"], [f"MACAddress={issued(1)}", "DHCP=ipv4", "ClientIdentifier=mac"]),
    ([f"PermanentMACAddress={real(1)}"], ["RouteMetric=200"]),
    ([f"PermanentMACAddress={real(2)}"], ["Address=10.2.1.7/24", "DHCP=ipv6", "IPv6AcceptRA=yes"]),
    ([f"PermanentMACAddress={real(3)}", "[Network]"], ["Bond=bond0"]),
    ([f"PermanentMACAddress={real(4)}", "[Network]"], ["Bond=bond0"]),
    (["[NetDev]", "Name=bond0"], [f"MACAddress={real(4)}", "Mode=802.3ad", "LACPTransmitRate=fast"]),
    (["[Network]", "Name=bond0"], ["Address=10.3.1.7/24", "MTUBytes=9000"]),
    (["[NetDev]", "Name=bond1"], [f"MACAddress={issued(4)}", "Mode=active-backup", "MIIMonitorSec=100ms"]),
    (["[Network]", "Name=bond1"], ["DHCP=yes", "ClientIdentifier=mac", "IPv6AcceptRA=yes"]),
    ([f"PermanentMACAddress={real(5)}", "[Network]"], ["Bond=bond1", "PrimarySlave=true"]),
]


def test_netplan_with_systemd_networkd(tmp_path: Path, everything: dict[str, bytes]) -> None:
    """Debian 12 and Ubuntu: everything is there, MACs included."""
    netplan = debian.program("netplan", "netplan.io")
    root = render(everything["network-config"], MACS, tmp_path, "debian", "netplan")
    done = subprocess.run([netplan, "generate", "--root-dir", root], capture_output=True, text=True, check=False)
    assert (done.returncode, "ERROR" in done.stderr) == (0, False), done.stderr
    for having, expected in NETWORKD:
        assert set(expected) <= set(lines(root / "run/systemd/network", *having)), having


RED_HAT = {
    f"HWADDR={real(0)}": ["IPADDR=10.0.1.7", "NETMASK=255.255.255.0", "GATEWAY=10.0.1.1", "DNS1=10.0.1.2"],
    "IPADDR=10.0.1.7": ["IPV6ADDR=fd00::7/64", "IPV6_DEFAULTGW=fd00::1", "MTU=1450", f"MACADDR={issued(0)}"],
    f"HWADDR={real(1)}": ["BOOTPROTO=dhcp", f"MACADDR={issued(1)}"],
    f"HWADDR={real(2)}": ["IPADDR=10.2.1.7", "DHCPV6C=yes", "IPV6INIT=yes"],
    f"HWADDR={real(3)}": ["MASTER=bond0", "SLAVE=yes", "DEVICE=port3"],
    f"HWADDR={real(4)}": ["MASTER=bond0", "SLAVE=yes", "DEVICE=port4"],
    "DEVICE=bond0": [
        'BONDING_OPTS="mode=802.3ad xmit_hash_policy=layer3+4 miimon=100 lacp_rate=fast"',
        "IPADDR=10.3.1.7",
        "MTU=9000",
        f"MACADDR={real(4)}",
    ],
    "DEVICE=bond1": [
        'BONDING_OPTS="mode=active-backup miimon=100 primary=port5"',
        "BOOTPROTO=dhcp",
        "DHCPV6C=yes",
        f"MACADDR={issued(4)}",
    ],
}
SUSE = {
    f"LLADDR={issued(0)}": ["IPADDR=10.0.1.7", "NETMASK=255.255.255.0", "IPADDR6=fd00::7/64", "MTU=1450"],
    f"LLADDR={issued(1)}": ["BOOTPROTO=dhcp4"],
    f"LLADDR={real(2)}": ["IPADDR=10.2.1.7", "BOOTPROTO=dhcp6"],
    'BONDING_MODULE_OPTS="mode=802.3ad xmit_hash_policy=layer3+4 miimon=100 lacp_rate=fast"': [
        "BONDING_SLAVE_0=port3",
        "BONDING_SLAVE_1=port4",
        "IPADDR=10.3.1.7",
        "MTU=9000",
        f"LLADDR={real(4)}",
    ],
    'BONDING_MODULE_OPTS="mode=active-backup miimon=100 primary=port5"': ["BOOTPROTO=dhcp", f"LLADDR={issued(4)}"],
}
KEYFILES = {
    f"mac-address={real(0)}": [f"cloned-mac-address={issued(0)}", "mtu=1450", "address1=10.0.1.7/24", "dns=10.0.1.2;"],
    f"cloned-mac-address={issued(0)}": ["route1=0.0.0.0/0,10.0.1.1", "address1=fd00::7/64", "gateway=fd00::1"],
    f"mac-address={real(1)}": [f"cloned-mac-address={issued(1)}", "method=auto"],
    f"mac-address={real(2)}": ["address1=10.2.1.7/24", "method=manual", "method=auto"],
    f"mac-address={real(3)}": ["type=ethernet"],
    "interface-name=bond0": ["mode=802.3ad", "address1=10.3.1.7/24", f"cloned-mac-address={real(4)}"],
    "interface-name=bond1": ["mode=active-backup", "primary=port5", f"cloned-mac-address={issued(4)}", "method=auto"],
}


@pytest.mark.parametrize(
    ("distro", "renderer", "expected"),
    [
        ("rhel", "sysconfig", RED_HAT),
        ("opensuse", "sysconfig", SUSE),
        ("rhel", "network-manager", KEYFILES),
        ("opensuse", "network-manager", KEYFILES),
    ],
)
def test_others_than_netplan(
    tmp_path: Path, everything: dict[str, bytes], distro: str, renderer: str, expected: dict[str, list[str]]
) -> None:
    """Everything is there once the script in vendor-data has run, which finds nothing to do the second time."""
    root = render(everything["network-config"], MACS, tmp_path, distro, renderer)
    script = boothook(everything)
    told = [run_inside(root, script), run_inside(root, script)]
    for having, wanted in expected.items():
        found = lines(root / "etc", having)
        assert set(wanted) <= set(found), (having, found)
        assert len([line for line in found if line.startswith(("cloned-mac", "MACADDR", "LLADDR"))]) <= 1
    assert told == [["connection reload", "networking off", "networking on"], []]
    for file in root.glob("etc/NetworkManager/system-connections/*"):
        assert kept_by_networkmanager(file.read_text(), "cloned-mac-address"), file


@pytest.mark.parametrize(
    ("renderer", "way_out"),
    [("eni", ["default gw 10.0.1.1", "gateway fd00::1"]), ("networkd", ["Gateway=10.0.1.1", "Gateway=fd00::1"])],
)
def test_what_others_make_of_the_way_out(
    tmp_path: Path, everything: dict[str, bytes], renderer: str, way_out: list[str]
) -> None:
    """Both default routes are there; nobody gives an interface another MAC (docs/images.md says so)."""
    root = render(everything["network-config"], MACS, tmp_path, "debian", renderer)
    assert run_inside(root, boothook(everything)) == []
    written = "".join(path.read_text() for path in (root / "etc").rglob("*") if path.is_file())
    assert [line for line in way_out if line not in written] == []
    assert issued(0) not in written


def test_a_netplan_system_is_left_alone(tmp_path: Path, everything: dict[str, bytes]) -> None:
    """The script finds none of its files there."""
    root = render(everything["network-config"], MACS, tmp_path, "debian", "netplan")
    assert run_inside(root, boothook(everything)) == []


def test_cloud_init_takes_the_script_and_the_rest(everything: dict[str, bytes]) -> None:
    """Both parts of vendor-data are what they were; where no MAC is to be set, there is one part."""
    judge = Judge()
    alone = made(nic(0, mac=real(0)), nic(1, mac=real(1)))["vendor-data"]
    script = boothook(everything).encode()
    assert judge.parts(everything["vendor-data"]) == [("text/cloud-boothook", script), ("text/cloud-config", alone)]
    assert judge.parts(alone) == [("text/cloud-config", alone)]
    judge.close()


def run_inside(root: Path, script: str) -> list[str]:
    """Run it as a system's own, with busybox's programs and a NetworkManager that only notes what it is told."""
    busybox = debian.file("/bin/busybox", "busybox-static")
    for folder in ("bin", "tmp"):
        (root / folder).mkdir(exist_ok=True)
    (root / "bin/busybox").write_bytes(busybox.read_bytes())
    (root / "bin/busybox").chmod(0o755)
    for name, does in {"nmcli": 'echo "$@" >>/tmp/told', "systemctl": '[ "$3" != wicked ]', "nm-online": ""}.items():
        (root / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (root / "bin" / name).chmod(0o755)
    (root / "script").write_text(script)
    (root / "tmp/told").write_text("")
    inside = [*debian.own_network(), "chroot", root, "/bin/busybox", "sh", "-c"]
    subprocess.run([*inside, "/bin/busybox --install -s /bin; PATH=/bin exec sh /script"], check=True, timeout=30)
    return (root / "tmp/told").read_text().splitlines()


def kept_by_networkmanager(keyfile: str, key: str) -> bool:
    """Whether NetworkManager itself reads the file, and the key from it if it is there."""
    nmcli = debian.program("nmcli", "network-manager")
    command = [nmcli, "--offline", "connection", "modify", "connection.id", "judged"]
    done = subprocess.run(command, input=keyfile, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    wanted = [line for line in keyfile.splitlines() if line.startswith(key)]
    return [line.lower() for line in done.stdout.splitlines() if line.startswith(key)] == wanted
