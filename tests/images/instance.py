"""An instance whose NICs have everything that CloudStack tells of one."""

import yaml

from bmprov.payload import InstanceRequest, parse_request


def real(number: int) -> str:
    """The MAC of a machine's NIC."""
    return f"52:54:00:00:00:{number:02x}"


def issued(number: int) -> str:
    """The MAC that CloudStack issued."""
    return f"02:01:00:00:00:{number:02x}"


def nic(number: int, **more: object) -> dict[str, object]:
    """A NIC of the instance in CloudStack's payload; the first is the default one."""
    subnet = f"10.{number}.1"
    known = {"deviceId": number, "defaultNic": number == 0, "nicUuid": f"n{number}", "mac": issued(number)}
    told = {"ip": f"{subnet}.7", "netmask": "255.255.255.0", "gateway": f"{subnet}.1", "dns1": f"{subnet}.2"}
    return known | told | more


def request_of(*nics: dict[str, object], **details: str) -> InstanceRequest:
    """The instance with these NICs, and with these details."""
    return parse_request(
        {
            "virtualmachineid": "7d2b8e34-4f0c-4a57-9a5e-2f4f0a1b2c3d",
            "externaldetails": {"virtualmachine": details},
            "cloudstack.vm.details": {"nics": list(nics)},
        }
    )


def boothook(made: dict[str, bytes]) -> str:
    """The script in an instance's vendor-data."""
    return str(yaml.safe_load(made["vendor-data"])[0]["content"])
