"""An instance as CloudStack describes it to an extension: `VirtualMachineTO` and `NicTO`, serialised.

Every key that CloudStack 4.21 to 4.23 fills for an instance on an External host is here; what it leaves unset is
absent, as it is there.
"""

import uuid
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

_EXTERNAL = "External:"
_MIB = 1 << 20


@dataclass(frozen=True)
class Nic:
    """One NIC of an instance: what CloudStack issued for it. `vlan` is a number, or `untagged`."""

    mac: str
    ip: str
    vlan: str = "untagged"
    netmask: str = "255.255.255.0"
    gateway: str = "192.0.2.1"
    network_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    nic_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))

    def described(self, device_id: int) -> dict[str, Any]:
        """The NIC as `NicTO`; the first device is the default NIC."""
        return {
            "deviceId": device_id,
            "defaultNic": device_id == 0,
            "nicUuid": self.nic_uuid,
            "uuid": self.network_uuid,
            "mac": self.mac,
            "ip": self.ip,
            "netmask": self.netmask,
            "gateway": self.gateway,
            "dns1": "192.0.2.53",
            "dns2": "192.0.2.54",
            "broadcastType": "Vlan",
            "broadcastUri": f"vlan://{self.vlan}",
            "isolationUri": f"vlan://{self.vlan}",
            "type": "Guest",
            "name": "bond0",
            "networkId": 204 + device_id,
            "networkSegmentName": f"VM-{self.vlan}",
            "networkRateMbps": 200,
            "mtu": 1500,
            "securityGroupEnabled": False,
            "pxeDisable": False,
            "details": {},
            "nicSecIps": [],
        }


@dataclass(frozen=True)
class VirtualMachine:
    """One instance. `details` is the payload's `cloudstack.vm.details`; the details in it are the instance's own."""

    details: Mapping[str, Any]

    @property
    def uuid(self) -> str:
        """The instance's UUID."""
        return str(self.details["uuid"])

    @property
    def name(self) -> str:
        """The internal name, such as `i-2-34-VM`."""
        return str(self.details["name"])

    def external_for(self, action: str) -> dict[str, str]:
        """`externaldetails.virtualmachine`: the details named `External:…`, and the VLAN for `create` and `start`."""
        own = self.details.get("details") or {}
        external = {key.removeprefix(_EXTERNAL): value for key, value in own.items() if key.startswith(_EXTERNAL)}
        nics = self.details.get("nics") or []
        if action in {"create", "start"} and nics:
            external["cloudstack.vlan"] = nics[0]["broadcastUri"].partition("://")[2]
        return external

    def deploying(self) -> "VirtualMachine":
        """The instance with the detail that makes CloudStack send `create` and not `start`."""
        details = deepcopy(dict(self.details))
        details["details"] = {**(details.get("details") or {}), "deployvm": "true"}
        return replace(self, details=details)


def virtual_machine(  # noqa: PLR0913 # what an operator chooses for an instance, each by name
    number: int,
    nics: Sequence[Nic],
    external: Mapping[str, str] | None = None,
    *,
    cpus: int = 2,
    memory_mib: int = 512,
    ssh_key: str = "",
    user_data: str = "",
    uefi: bool = False,
) -> VirtualMachine:
    """The instance `i-2-<number>-VM`. `external` are its external details; `user_data` is base64, as in CloudStack."""
    identity, name = str(uuid.uuid4()), f"i-2-{number}-VM"
    details = {f"{_EXTERNAL}{key}": value for key, value in (external or {}).items()}
    if ssh_key:
        details |= {"SSH.PublicKey": ssh_key, "keypairnames": "rehearsal"}
    described: dict[str, Any] = {
        "id": number,
        "uuid": identity,
        "name": name,
        "state": "Starting",
        "type": "User",
        "cpus": cpus,
        "minSpeed": 1000,
        "maxSpeed": 1000,
        "minRam": memory_mib * _MIB,
        "maxRam": memory_mib * _MIB,
        "arch": "x86_64",
        "os": "Other Linux (64-bit)",
        "platformEmulator": "Other Linux (64-bit)",
        "bootArgs": "",
        "bootloader": "External",
        "bootType": "UEFI" if uefi else "BIOS",
        "bootMode": "LEGACY",
        "hostName": f"instance-{number}",
        "enableHA": False,
        "limitCpuUse": False,
        "enableDynamicallyScaleVm": False,
        "vncPassword": "Zb3nH0yQm2wS8u",
        "details": details,
        "disks": [],
        "nics": [nic.described(device_id) for device_id, nic in enumerate(nics)],
        "vmData": _vm_data(identity, name, number, ssh_key, user_data),
        "configDriveLabel": "config-2",
        "metadataManufacturer": "Apache Software Foundation",
        "metadataProductName": "CloudStack External Hypervisor",
    }
    return VirtualMachine(described)


def _vm_data(identity: str, name: str, number: int, ssh_key: str, user_data: str) -> list[list[str]]:
    """The virtual router's metadata, as a shared network without services gets it."""
    return [
        ["userdata", "user_data", user_data],
        ["metadata", "service-offering", "Bare metal"],
        ["metadata", "availability-zone", "zone1"],
        ["metadata", "local-hostname", f"instance-{number}"],
        ["metadata", "instance-id", identity],
        ["metadata", "vm-id", str(number)],
        ["metadata", "cloud-identifier", f"CloudStack-{{{name}}}"],
        ["metadata", "public-keys", ssh_key],
        ["password", "vm_password", "aB3kR7pQ"],
    ]
