"""The NoCloud documents of cloud-init: what an installed system reads at its first boot.

cloud-init's NoCloud datasource; the network's document is `network_config`'s.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bmprov.adoption import adopt
from bmprov.carrier import Carrier
from bmprov.model import Nic
from bmprov.payload import InstanceRequest, NicRequest, Seed
from images.network_config import network_config

DOCUMENTS = ("meta-data", "user-data", "vendor-data", "network-config")
_CLOUD_CONFIG = "#cloud-config\n"
_IMPOSE_MACS = Path(__file__).with_name("impose_macs")
_NO_USER_DATA = b"#cloud-config\n{}\n"  # cloud-init 22.4 warns of one with nothing in it


def documents(request: InstanceRequest, nics: tuple[Nic, ...]) -> dict[str, bytes]:
    """The four documents for an instance on a machine with these NICs, by their file names."""
    carried_by = adopt(request.nics, nics)
    return {
        "meta-data": _yaml(_meta_data(request)),
        "user-data": request.seed.user_data or _NO_USER_DATA,
        "vendor-data": _vendor_data(request, carried_by),
        "network-config": _yaml(network_config(request.nics, carried_by)),
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


def _vendor_data(request: InstanceRequest, carried_by: Mapping[str, Carrier]) -> bytes:
    """What the user's own cloud-config may override: the partition grows, and the password is CloudStack's.

    Where an interface has to have another MAC than its own, a script is beside it that sees to that.
    """
    growing = {"growpart": {"mode": "auto", "devices": ["/"]}, "resize_rootfs": True}
    config = _CLOUD_CONFIG.encode() + _yaml(growing | password_config(request.seed))
    hook = _boothook(request.nics, carried_by)
    if not hook:
        return config
    parts = [("text/cloud-boothook", hook), ("text/cloud-config", config.decode())]
    archive = yaml.safe_dump([{"type": kind, "content": content} for kind, content in parts], allow_unicode=True)
    return f"#cloud-config-archive\n{archive}".encode()


def _boothook(wanted: Sequence[NicRequest], carried_by: Mapping[str, Carrier]) -> str:
    """The script that gives interfaces their MACs; empty when they have them."""
    carried = [(nic.mac or carried_by[nic.nic_uuid].mac, carried_by[nic.nic_uuid]) for nic in wanted]
    calls = [f"bond {carrier.bond} {mac}" for mac, carrier in carried if carrier.bond]
    calls += [f"nic {carrier.mac} {mac}" for mac, carrier in carried if not carrier.bond and mac != carrier.mac]
    return "\n".join([_IMPOSE_MACS.read_text(), *calls, "start_again", ""]) if calls else ""


def _yaml(document: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True).encode()
