"""The demo's switch: the fake one that ships. The simulated machines are cabled to it, and their ports move."""

from collections.abc import Sequence

from bmprov.cli.api import Api
from bmprov.sim.hall import MachinePlan

NAME = "leaf-1"
_SWITCH = {
    "name": NAME,
    "address": f"fake://{NAME}",
    "vlans": "1000-1999",
    "provisioning_vlan": 99,
    "quarantine_vlan": 666,
    "uplinks": ["1/48"],
}


def cable(api: Api, machines: Sequence[MachinePlan]) -> None:
    """Enter the switch and the cables of these machines; what is there already stays."""
    if NAME not in {switch["name"] for switch in api.get("/switches")["switches"]}:
        api.post("/switches", _SWITCH)
    ends = [(machine.name, mac) for machine in machines for mac in machine.macs]
    cables = [
        {"machine": name, "nic": mac, "switch": NAME, "port": f"1/{number}"}
        for number, (name, mac) in enumerate(ends, 1)
    ]
    api.post("/cables", {"cables": cables})
