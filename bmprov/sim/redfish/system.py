"""The machine: its power, its boot device and its NICs (schemas ComputerSystem and EthernetInterface)."""

from http import HTTPStatus

from bmprov.power import Power, PowerAction
from bmprov.sim.chassis import Chassis
from bmprov.sim.facts import MODEL, VENDOR, MachineFacts
from bmprov.sim.redfish.action import reset_document, reset_resource
from bmprov.sim.redfish.boot import WRITABLE, boot_document, write_boot
from bmprov.sim.redfish.counts import Counts
from bmprov.sim.redfish.event_log import EventLog
from bmprov.sim.redfish.faults import RedfishFaults
from bmprov.sim.redfish.media import MEDIA
from bmprov.sim.redfish.message import Document, refusal
from bmprov.sim.redfish.resource import ROOT, Resource, Schema, Tree, Writable, collection, fixed, judge, link, odata
from bmprov.sim.ssh_port import SESSIONS

SYSTEMS = f"{ROOT}/Systems"
SYSTEM = f"{SYSTEMS}/1"
_NICS = f"{SYSTEM}/EthernetInterfaces"
_RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
_OK = {"State": "Enabled", "Health": "OK"}
_SSH = 22
_LEDS = ("Off", "Lit", "Blinking")

_ACTIONS = {
    "On": PowerAction.ON,
    "ForceOn": PowerAction.ON,
    "ForceOff": PowerAction.OFF,
    "GracefulShutdown": PowerAction.SOFT_OFF,
    "GracefulRestart": PowerAction.RESET,
    "ForceRestart": PowerAction.RESET,
    "PowerCycle": PowerAction.CYCLE,
}
_NMI, _BUTTON = "Nmi", "PushPowerButton"
_RESETS = (*_ACTIONS, _NMI, _BUTTON)
_OF_ANY = {PowerAction.ON, PowerAction.OFF}
_SCHEMA: Schema = {
    "AssetTag": Writable(str),
    "Boot": WRITABLE,
    "IndicatorLED": Writable(str, _LEDS),
    "LocationIndicatorActive": Writable(bool),
}


class SystemFace:
    """The machine as Redfish tells it. `chassis` is seen through the BMC's faults."""

    def __init__(
        self, chassis: Chassis, facts: MachineFacts, faults: RedfishFaults, log: EventLog, counts: Counts
    ) -> None:
        self._chassis = chassis
        self._facts = facts
        self._faults = faults
        self._log = log
        self._counts = counts
        self._led = "Off"
        self._tag = ""
        self._busy_since: int | None = None
        self.ssh_port: int | None = None
        """Where its serial console is served over SSH."""

    def tree(self) -> Tree:
        """The resources of the system."""
        macs = self._facts.macs
        nics = {f"{_NICS}/{number}": fixed(_nic(number, mac)) for number, mac in enumerate(macs, 1)}
        return {
            SYSTEMS: fixed(collection(SYSTEMS, "ComputerSystem", "Computer Systems", [SYSTEM])),
            SYSTEM: Resource(self._document, self._change),
            _RESET: reset_resource("ComputerSystem.Reset", _RESETS, self._reset),
            _NICS: fixed(collection(_NICS, "EthernetInterface", "Ethernet Interfaces", list(nics))),
            **nics,
        }

    def _document(self) -> Document:
        facts = self._facts
        return odata(SYSTEM, "ComputerSystem.v1_22_0", facts.name) | {
            "SystemType": "Physical",
            "Manufacturer": VENDOR,
            "Model": MODEL,
            "SerialNumber": facts.serial_number,
            "UUID": facts.uuid,
            "HostName": facts.name,
            "AssetTag": self._tag,
            "BiosVersion": "1.0",
            "PowerState": self._chassis.power.capitalize(),
            "Status": _OK,
            "IndicatorLED": self._led,
            "LocationIndicatorActive": self._led != "Off",
            "ProcessorSummary": {"Count": 1, "CoreCount": facts.cpus, "LogicalProcessorCount": facts.cpus},
            "MemorySummary": {"TotalSystemMemoryGiB": facts.memory_mib / 1024},
            "Boot": boot_document(self._chassis.boot, facts.boot_mode),
            "SerialConsole": {
                "MaxConcurrentSessions": SESSIONS,
                "SSH": {"ServiceEnabled": self.ssh_port is not None, "Port": self.ssh_port or _SSH},
            },
            "GraphicalConsole": _CONSOLE,
            "EthernetInterfaces": link(_NICS),
            **({} if self._faults.no_media else {"VirtualMedia": link(MEDIA)}),
            "Links": {"Chassis": [link(f"{ROOT}/Chassis/1")], "ManagedBy": [link(f"{ROOT}/Managers/1")]},
            "Actions": {"#ComputerSystem.Reset": reset_document(_RESET, _RESETS)},
        }

    def _change(self, sent: Document) -> None:
        changes = judge(sent, _SCHEMA, self._document())
        boot = changes.get("Boot")
        if boot:
            if self._is_busy():
                raise refusal(HTTPStatus.CONFLICT, "ResourceInUse")
            write_boot(self._chassis.boot, self._facts.boot_mode, boot)
            self._log.note(f"Boot override written: {boot}")
        self._tag = changes.get("AssetTag", self._tag)
        if "LocationIndicatorActive" in changes:
            self._led = "Blinking" if changes["LocationIndicatorActive"] else "Off"
        self._led = changes.get("IndicatorLED", self._led)

    def _is_busy(self) -> bool:
        """Whether the fault `busy_until_boot` is there, and no boot has been since it was met first."""
        if not self._faults.busy_until_boot:
            self._busy_since = None
            return False
        if self._busy_since is None:
            self._busy_since = self._chassis.boot.taken
        return self._chassis.boot.taken == self._busy_since

    def _reset(self, kind: str) -> None:
        is_on = self._chassis.power is Power.ON
        if kind == _BUTTON:
            self._press(PowerAction.SOFT_OFF if is_on else PowerAction.ON, kind)
        elif not is_on and (kind == _NMI or _ACTIONS[kind] not in _OF_ANY):
            raise refusal(HTTPStatus.CONFLICT, "ResourceInStandby")
        elif kind == _NMI:
            self._counts.nmis += 1
            self._log.note("NMI sent", "Warning")
        elif is_on or _ACTIONS[kind] is not PowerAction.OFF:
            self._press(_ACTIONS[kind], kind)

    def _press(self, action: PowerAction, kind: str) -> None:
        self._log.note(f"System reset requested: {kind}")
        self._chassis.press(action)


_CONSOLE = {"ServiceEnabled": False, "MaxConcurrentSessions": 1, "ConnectTypesSupported": ["KVMIP"]}


def _nic(number: int, mac: str) -> Document:
    return odata(f"{_NICS}/{number}", "EthernetInterface.v1_12_0", f"NIC {number}") | {
        "Status": _OK,
        "InterfaceEnabled": True,
        "LinkStatus": "LinkUp",
        "SpeedMbps": 10000,
        "FullDuplex": True,
        "MACAddress": mac,
        "PermanentMACAddress": mac,
    }
