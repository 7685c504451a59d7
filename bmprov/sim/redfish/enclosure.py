"""The enclosure with its sensors, whose figures follow the power (schemas Chassis, Thermal and Power)."""

from dataclasses import dataclass

from bmprov.sim.facts import MODEL, VENDOR
from bmprov.sim.readings import FANS, Readings
from bmprov.sim.redfish.message import Document
from bmprov.sim.redfish.resource import ROOT, Resource, Tree, collection, fixed, link, odata

_ENCLOSURES = f"{ROOT}/Chassis"
ENCLOSURE = f"{_ENCLOSURES}/1"
_THERMAL, _POWER = f"{ENCLOSURE}/Thermal", f"{ENCLOSURE}/Power"
_OK = {"State": "Enabled", "Health": "OK"}
_SYSTEM = f"{ROOT}/Systems/1"
_CAPACITY_W = 800


@dataclass(frozen=True)
class Enclosure:
    """The enclosure as Redfish tells it."""

    readings: Readings

    def tree(self) -> Tree:
        """The resources of the enclosure."""
        return {
            _ENCLOSURES: fixed(collection(_ENCLOSURES, "Chassis", "Chassis Collection", [ENCLOSURE])),
            ENCLOSURE: Resource(self._document),
            _THERMAL: Resource(self._thermal),
            _POWER: Resource(self._power),
        }

    def _document(self) -> Document:
        return odata(ENCLOSURE, "Chassis.v1_25_0", "Chassis") | {
            "ChassisType": "RackMount",
            "Manufacturer": VENDOR,
            "Model": MODEL,
            "SerialNumber": self.readings.facts.serial_number,
            "PowerState": self.readings.chassis.power.capitalize(),
            "Status": _OK,
            "Thermal": link(_THERMAL),
            "Power": link(_POWER),
            "Links": {"ComputerSystems": [link(_SYSTEM)], "ManagedBy": [link(f"{ROOT}/Managers/1")]},
        }

    def _thermal(self) -> Document:
        now = self.readings
        return odata(_THERMAL, "Thermal.v1_7_3", "Thermal") | {
            "Temperatures": [
                _temperature(0, "Inlet Temp", "Intake", now.inlet_celsius, 42),
                _temperature(1, "CPU1 Temp", "CPU", now.cpu_celsius, 95),
            ],
            "Fans": [_fan(number, now.fan_rpm(number)) for number in range(FANS)],
        }

    def _power(self) -> Document:
        now = self.readings
        return odata(_POWER, "Power.v1_7_3", "Power") | {
            "PowerControl": [_entry(_POWER, "PowerControl", 0, "System Power Control") | _drawn(now.watts)],
            "PowerSupplies": [_supply(number, now.watts / 2) for number in range(2)],
            "Voltages": [_voltage(0, "12V", now.main_volts), _voltage(1, "5V standby", now.standby_volts)],
        }


def _entry(path: str, array: str, number: int, name: str) -> Document:
    return {"@odata.id": f"{path}#/{array}/{number}", "MemberId": str(number), "Name": name, "Status": _OK}


def _temperature(number: int, name: str, context: str, celsius: float, most: int) -> Document:
    return _entry(_THERMAL, "Temperatures", number, name) | {
        "ReadingCelsius": celsius,
        "PhysicalContext": context,
        "UpperThresholdCritical": most,
    }


def _fan(number: int, rpm: int) -> Document:
    return _entry(_THERMAL, "Fans", number, f"Fan {number + 1}") | {"Reading": rpm, "ReadingUnits": "RPM"}


def _drawn(watts: float) -> Document:
    return {"PowerConsumedWatts": watts, "PowerCapacityWatts": _CAPACITY_W}


def _supply(number: int, watts: float) -> Document:
    return _entry(_POWER, "PowerSupplies", number, f"PSU {number + 1}") | {
        "PowerSupplyType": "AC",
        "LineInputVoltage": 230,
        "LastPowerOutputWatts": watts,
        "PowerCapacityWatts": _CAPACITY_W,
        "Model": "Simulated supply",
    }


def _voltage(number: int, name: str, volts: float) -> Document:
    return _entry(_POWER, "Voltages", number, name) | {"ReadingVolts": volts, "PhysicalContext": "SystemBoard"}
