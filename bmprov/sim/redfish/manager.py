"""The BMC itself (schemas Manager and ManagerNetworkProtocol)."""

from collections.abc import Callable

from bmprov.sim.facts import MachineFacts
from bmprov.sim.redfish.action import reset_document, reset_resource
from bmprov.sim.redfish.event_log import stamp
from bmprov.sim.redfish.message import Document
from bmprov.sim.redfish.resource import ROOT, Resource, Tree, collection, fixed, link, odata

_MANAGERS = f"{ROOT}/Managers"
MANAGER = f"{_MANAGERS}/1"
_PROTOCOL = f"{MANAGER}/NetworkProtocol"
_NICS = f"{MANAGER}/EthernetInterfaces"
_RESET = f"{MANAGER}/Actions/Manager.Reset"
_RESETS = ("GracefulRestart", "ForceRestart")
_OK = {"State": "Enabled", "Health": "OK"}
_LOOPBACK, _MASK = "127.0.0.1", "255.0.0.0"
FIRMWARE = "1.0.0"


class Manager:
    """The BMC as Redfish tells it. `restart` starts it anew; `wall` gives seconds since the epoch."""

    def __init__(self, facts: MachineFacts, restart: Callable[[], None], wall: Callable[[], float]) -> None:
        self._facts = facts
        self._restart = restart
        self._wall = wall
        self.port = 443
        """Where it listens."""
        self.tls = True
        """Whether that is HTTPS."""

    def tree(self) -> Tree:
        """The resources of the BMC."""
        nic = f"{_NICS}/1"
        return {
            _MANAGERS: fixed(collection(_MANAGERS, "Manager", "Managers", [MANAGER])),
            MANAGER: Resource(self._document),
            _RESET: reset_resource("Manager.Reset", _RESETS, lambda _: self._restart()),
            _PROTOCOL: Resource(self._protocol),
            _NICS: fixed(collection(_NICS, "EthernetInterface", "Ethernet Interfaces", [nic])),
            nic: fixed(self._nic(nic)),
        }

    def _document(self) -> Document:
        return odata(MANAGER, "Manager.v1_19_0", "BMC") | {
            "ManagerType": "BMC",
            "Manufacturer": "bmprov",
            "Model": "Simulated BMC",
            "UUID": self._facts.bmc_uuid,
            "ServiceEntryPointUUID": self._facts.bmc_uuid,
            "FirmwareVersion": FIRMWARE,
            "PowerState": "On",
            "Status": _OK,
            "DateTime": stamp(self._wall()),
            "DateTimeLocalOffset": "+00:00",
            "SerialConsole": _console("SSH", "IPMI"),
            "GraphicalConsole": _console("KVMIP"),
            "CommandShell": _console("SSH"),
            "NetworkProtocol": link(_PROTOCOL),
            "EthernetInterfaces": link(_NICS),
            "LogServices": link(f"{MANAGER}/LogServices"),
            "Links": {
                "ManagerForServers": [link(f"{ROOT}/Systems/1")],
                "ManagerForChassis": [link(f"{ROOT}/Chassis/1")],
            },
            "Actions": {"#Manager.Reset": reset_document(_RESET, _RESETS)},
        }

    def _protocol(self) -> Document:
        used, unused = ("HTTPS", "HTTP") if self.tls else ("HTTP", "HTTPS")
        name = f"bmc-{self._facts.name}"
        return odata(_PROTOCOL, "ManagerNetworkProtocol.v1_10_0", "Network Protocol") | {
            "Status": _OK,
            "HostName": name,
            "FQDN": f"{name}.invalid",
            used: {"ProtocolEnabled": True, "Port": self.port},
            unused: {"ProtocolEnabled": False, "Port": {"HTTP": 80, "HTTPS": 443}[unused]},
            "SSH": {"ProtocolEnabled": False, "Port": 22},
            "IPMI": {"ProtocolEnabled": False, "Port": 623},
            "KVMIP": {"ProtocolEnabled": False, "Port": 5900},
        }

    def _nic(self, path: str) -> Document:
        return odata(path, "EthernetInterface.v1_12_0", "BMC NIC") | {
            "Status": _OK,
            "InterfaceEnabled": True,
            "LinkStatus": "LinkUp",
            "SpeedMbps": 1000,
            "FullDuplex": True,
            "MACAddress": self._facts.bmc_mac,
            "HostName": f"bmc-{self._facts.name}",
            "IPv4Addresses": [{"Address": _LOOPBACK, "SubnetMask": _MASK, "AddressOrigin": "Static", "Gateway": None}],
        }


def _console(*kinds: str) -> Document:
    """A console that the BMC knows of and does not have."""
    return {"ServiceEnabled": False, "MaxConcurrentSessions": 1, "ConnectTypesSupported": list(kinds)}
