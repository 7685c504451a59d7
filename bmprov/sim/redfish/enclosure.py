"""The enclosure with its sensors, whose figures follow the power (schemas Chassis, Thermal and Power)."""

import zlib
from dataclasses import dataclass

from bmprov.power import Power
from bmprov.sim.chassis import Chassis
from bmprov.sim.redfish.facts import MachineFacts
from bmprov.sim.redfish.message import Document
from bmprov.sim.redfish.resource import ROOT, Resource, Tree, collection, fixed, link, odata

_ENCLOSURES = f"{ROOT}/Chassis"
ENCLOSURE = f"{_ENCLOSURES}/1"
_THERMAL, _POWER = f"{ENCLOSURE}/Thermal", f"{ENCLOSURE}/Power"
_OK = {"State": "Enabled", "Health": "OK"}
_SYSTEM = f"{ROOT}/Systems/1"
_STANDBY_W, _IDLE_W, _WATTS_A_CPU, _CAPACITY_W = 14, 85, 9, 800


@dataclass(frozen=True)
class Enclosure:
    """The enclosure as Redfish tells it. Two machines of the same make read a little differently, as real ones do."""

    chassis: Chassis
    facts: MachineFacts

    def tree(self) -> Tree:
        """The resources of the enclosure."""
        return {
            _ENCLOSURES: fixed(collection(_ENCLOSURES, "Chassis", "Chassis Collection", [ENCLOSURE])),
            ENCLOSURE: Resource(self._document),
            _THERMAL: Resource(self._thermal),
            _POWER: Resource(self._power),
        }

    @property
    def _is_on(self) -> bool:
        return self.chassis.power is Power.ON

    @property
    def _own(self) -> int:
        """A number from 0 to 7 of this machine's own."""
        return zlib.crc32(self.facts.name.encode()) % 8

    def _document(self) -> Document:
        return odata(ENCLOSURE, "Chassis.v1_25_0", "Chassis") | {
            "ChassisType": "RackMount",
            "Manufacturer": "bmprov",
            "Model": "Simulated machine",
            "SerialNumber": self.facts.serial_number,
            "PowerState": self.chassis.power.capitalize(),
            "Status": _OK,
            "Thermal": link(_THERMAL),
            "Power": link(_POWER),
            "Links": {"ComputerSystems": [link(_SYSTEM)], "ManagedBy": [link(f"{ROOT}/Managers/1")]},
        }

    def _thermal(self) -> Document:
        inlet = 21 + self._own / 2
        cpu = 44 + self._own if self._is_on else inlet + 3
        rpm = 4200 + 60 * self._own if self._is_on else 0
        return odata(_THERMAL, "Thermal.v1_7_3", "Thermal") | {
            "Temperatures": [
                _temperature(0, "Inlet Temp", "Intake", inlet, 42),
                _temperature(1, "CPU1 Temp", "CPU", cpu, 95),
            ],
            "Fans": [_fan(number, rpm + 30 * number) for number in range(4)],
        }

    def _power(self) -> Document:
        busy = _IDLE_W + _WATTS_A_CPU * self.facts.cpus + 3 * self._own
        watts = busy if self._is_on else _STANDBY_W
        return odata(_POWER, "Power.v1_7_3", "Power") | {
            "PowerControl": [_entry(_POWER, "PowerControl", 0, "System Power Control") | _drawn(watts)],
            "PowerSupplies": [_supply(number, watts / 2) for number in range(2)],
            "Voltages": [_voltage(0, "12V", 12.05 if self._is_on else 0.0), _voltage(1, "5V standby", 5.02)],
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
    reading = rpm if rpm > _LEAST_RPM else 0
    return _entry(_THERMAL, "Fans", number, f"Fan {number + 1}") | {"Reading": reading, "ReadingUnits": "RPM"}


_LEAST_RPM = 1000  # slower ones read as standing still


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
