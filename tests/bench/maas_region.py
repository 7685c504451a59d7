"""A simulated region that a running service knows, and payloads that ask for its machines."""

from ipaddress import IPv4Address

from bmprov.deadline import Deadline
from tests.bench.measure import wait_for
from tests.bench.service import Client, Service, payload
from tests.maas.process import RegionProcess

REGION = "bench"
VLAN = 100
_NETWORK = IPv4Address("10.100.0.0")
_LISTED_S = 60.0


def enter(service: Service, maas: RegionProcess, machines: int) -> None:
    """Add the region as an operator does, and wait until the watch has listed its machines. Not measured."""
    admin = Client(service.admin)
    admin.ask("POST", "/regions", {"name": REGION, "url": maas.url, "key": maas.key, "create_networks": True})
    wait_for(
        lambda: bool(admin.ask("GET", f"/regions/{REGION}")["machines"] == machines),
        "the first list of the region's machines",
        Deadline.after(_LISTED_S),
    )


def asking(number: int) -> dict[str, object]:
    """The payload of an instance with one NIC on a tenant's VLAN, with an address there."""
    nic: dict[str, object] = {
        "deviceId": 0,
        "defaultNic": True,
        "nicUuid": f"nic-{number}",
        "uuid": "net",
        "mac": f"02:00:00:00:{number // 256:02x}:{number % 256:02x}",
        "ip": str(_NETWORK + number),
        "netmask": "255.255.0.0",
        "gateway": str(_NETWORK + 65_534),
        "broadcastUri": f"vlan://{VLAN}",
    }
    asked = payload(number, {}, [nic])
    asked["externaldetails"] = {"host": {"host": "bench", "backend": "maas"}}
    return asked
