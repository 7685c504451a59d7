"""NoCloud documents: their exact text, and cloud-init's own judgement of them."""

import subprocess
from pathlib import Path

import pytest
import yaml

from bmprov.model import Nic
from bmprov.payload import parse_request
from images.nocloud import documents
from tests import debian

NICS = (Nic("52:54:00:00:00:01", 0), Nic("52:54:00:00:00:02", 1))
PAYLOAD = {
    "externaldetails": {"virtualmachine": {"hostname": "Web 01"}},
    "virtualmachineid": "7d2b8e34-4f0c-4a57-9a5e-2f4f0a1b2c3d",
    "virtualmachinename": "i-2-34-VM",
    "cloudstack.vm.details": {
        "details": {"SSH.PublicKey": "ssh-ed25519 AAAA eve"},
        "vmData": [["password", "vm_password", "geheim: #1"]],
        "nics": [
            {
                "deviceId": 0,
                "defaultNic": True,
                "nicUuid": "a",
                "mac": "02:01:00:00:00:07",
                "ip": "10.1.1.7",
                "netmask": "255.255.255.0",
                "gateway": "10.1.1.1",
                "dns1": "10.1.1.2",
                "ip6address": "fd00::7",
                "ip6cidr": "fd00::/64",
                "ip6gateway": "fd00::1",
                "mtu": 1450,
            },
            {"deviceId": 1, "nicUuid": "b", "mac": "52:54:00:00:00:02", "gateway": "10.2.0.1"},
        ],
    },
}


def test_the_documents_word_by_word() -> None:
    """The first NIC imposes CloudStack's MAC on ours and is the way out; the second is ours already and asks DHCP."""
    made = {name: text.decode() for name, text in documents(parse_request(PAYLOAD), NICS).items()}
    assert made["meta-data"] == (
        "instance-id: 7d2b8e34-4f0c-4a57-9a5e-2f4f0a1b2c3d\n"
        "local-hostname: web-01\n"
        "public-keys:\n"
        "- ssh-ed25519 AAAA eve\n"
    )
    assert made["user-data"] == "#cloud-config\n{}\n"
    hook, rest = yaml.safe_load(made["vendor-data"])
    assert made["vendor-data"].startswith("#cloud-config-archive\n")
    assert hook["content"].endswith("\nnic 52:54:00:00:00:01 02:01:00:00:00:07\nstart_again\n")
    assert rest["content"] == (
        "#cloud-config\n"
        "growpart:\n  mode: auto\n  devices:\n  - /\n"
        "resize_rootfs: true\n"
        "password: 'geheim: #1'\n"
        "chpasswd:\n  expire: false\n"
        "ssh_pwauth: true\n"
    )
    assert made["network-config"] == (
        "version: 2\n"
        "ethernets:\n"
        "  nic0:\n"
        "    match:\n      macaddress: '52:54:00:00:00:01'\n"  # bare, YAML 1.1 reads a number to the base 60
        "    macaddress: 02:01:00:00:00:07\n"
        "    addresses:\n    - 10.1.1.7/24\n    - fd00::7/64\n"
        "    routes:\n    - to: 0.0.0.0/0\n      via: 10.1.1.1\n    gateway6: fd00::1\n"
        "    nameservers:\n      addresses:\n      - 10.1.1.2\n"
        "    accept-ra: false\n"
        "    mtu: 1450\n"
        "  nic1:\n"
        "    match:\n      macaddress: '52:54:00:00:00:02'\n"
        "    dhcp4: true\n"
        "    dhcp-identifier: mac\n"
        "    dhcp4-overrides:\n      route-metric: 200\n"
    )


@pytest.mark.parametrize(("name", "kind"), [("vendor-data", "cloud-config"), ("network-config", "network-config")])
def test_cloud_init_accepts_them(tmp_path: Path, name: str, kind: str) -> None:
    """cloud-init's own schema has nothing against the documents; it has none for vendor-data of two parts."""
    details: dict[str, object] = {"cloudstack.vm.details": {}} if name == "vendor-data" else {}
    program = debian.program("cloud-init", "cloud-init")
    file = tmp_path / name
    file.write_bytes(documents(parse_request(PAYLOAD | details), NICS)[name])
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    knows_kinds = (
        "--schema-type"
        in subprocess.run([program, "schema", "--help"], capture_output=True, text=True, check=True).stdout
    )
    if kind != "cloud-config" and not knows_kinds:
        command = [
            program,
            "devel",
            "net-convert",
            "-p",
            str(file),
            "-k",
            "yaml",
            "-d",
            str(tmp_path),
            "-D",
            "debian",
            "-O",
            "netplan",
        ]
    else:
        command = [program, "schema", "--config-file", str(file), *(["--schema-type", kind] if knows_kinds else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{version.stdout or version.stderr}: {done.stdout}{done.stderr}"
