"""The NoCloud documents of cloud-init: what an installed system reads at its first boot.

cloud-init's NoCloud datasource and its network configuration version 2 (netplan's form). A NIC is matched by its real
MAC; when CloudStack issued another one, the system is told to use that (`macaddress`), because the virtual router
answers for it alone.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from bmprov.adoption import adopt
from bmprov.model import Nic
from bmprov.payload import InstanceRequest, NicRequest, Seed

DOCUMENTS = ("meta-data", "user-data", "vendor-data", "network-config")
_CLOUD_CONFIG = "#cloud-config\n"
_NO_USER_DATA = b"#cloud-config\n{}\n"  # cloud-init 22.4 warns of one with nothing in it


def documents(request: InstanceRequest, nics: tuple[Nic, ...]) -> dict[str, bytes]:
    """The four documents for an instance on a machine with these NICs, by their file names."""
    return {
        "meta-data": _yaml(_meta_data(request)),
        "user-data": request.seed.user_data or _NO_USER_DATA,
        "vendor-data": _CLOUD_CONFIG.encode() + _yaml(_vendor_data(request)),
        "network-config": _yaml(_network(request, adopt(request.nics, nics))),
    }


def password_config(seed: Seed) -> dict[str, Any]:
    """What sets CloudStack's password, in the clear: cloud-init hashes it, and only this machine may fetch it."""
    if seed.password is None:
        return {}
    return {"password": seed.password, "chpasswd": {"expire": False}, "ssh_pwauth": True}


def _meta_data(request: InstanceRequest) -> dict[str, Any]:
    return {
        "instance-id": request.instance_id,
        "local-hostname": request.seed.hostname,
        "public-keys": list(request.seed.ssh_keys),
    }


def _vendor_data(request: InstanceRequest) -> dict[str, Any]:
    """What the user's own cloud-config may override: the partition grows, and the password is CloudStack's."""
    growing = {"growpart": {"mode": "auto", "devices": ["/"]}, "resize_rootfs": True}
    return growing | password_config(request.seed)


def _network(request: InstanceRequest, carried: Mapping[str, Nic]) -> dict[str, Any]:
    ethernets = {f"nic{nic.position}": _ethernet(nic, carried[nic.nic_uuid]) for nic in request.nics}
    return {"version": 2, "ethernets": ethernets}


def _ethernet(nic: NicRequest, carrier: Nic) -> dict[str, Any]:
    told: dict[str, Any] = {"match": {"macaddress": carrier.mac}}
    if nic.mac and nic.mac != carrier.mac:
        told["macaddress"] = nic.mac
    addresses = [address for address in (nic.address, nic.address6) if address]
    told |= {"addresses": addresses} if addresses else {"dhcp4": True}
    if nic.is_default and addresses:
        told |= _way_out(nic)
    if nic.dns and addresses:
        told["nameservers"] = {"addresses": list(nic.dns)}
    if nic.mtu:
        told["mtu"] = nic.mtu
    return told


def _way_out(nic: NicRequest) -> dict[str, Any]:
    """The default routes, in the words that every renderer of cloud-init understands.

    cloud-init 22.4 (Debian 12) fails on `to: default` unless it writes for netplan, and turns a route to `::/0` into
    one to `::/64`; `gateway6`, deprecated in netplan, is right everywhere.
    """
    way: dict[str, Any] = {}
    if nic.gateway:
        way["routes"] = [{"to": "0.0.0.0/0", "via": nic.gateway}]
    if nic.gateway6:
        way["gateway6"] = nic.gateway6
    return way


def _yaml(document: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True).encode()
