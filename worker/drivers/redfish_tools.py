"""Sensors, event log, locator and the rest over Redfish. Fulfils `bmprov.hardware.BmcTools`.

Schemas of DSP2046: ComputerSystem, Chassis, Thermal and Power (of which newer BMCs make Sensors), Manager, LogService,
UpdateService. What is read is read as JSON: vendors leave out what sushy's classes require.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from bmprov.deadline import Deadline
from bmprov.errors import BmcRefused
from bmprov.hardware import Console, Health, LogEntry, Sensor
from bmprov.power import BmcLogin
from worker.drivers.bmc_lock import BmcLock
from worker.drivers.redfish_console import console_of
from worker.drivers.redfish_documents import Document, Documents
from worker.drivers.redfish_session import SessionMemory, redfish_system

_HEALTHS = {"OK": Health.OK, "Warning": Health.WARNING, "Critical": Health.CRITICAL}
_EVENT_LOGS = ("sel", "iel", "eventlog", "log1", "log", "platformlog", "lclog")
"""Ids of event logs in lower case, the likeliest first: SEL of most, IEL of HPE, PlatformLog of Lenovo."""
_UNITS = {"Cel": "°C", "RPM": "RPM", "V": "V", "W": "W", "A": "A", "%": "%"}


class RedfishTools:
    """What one machine's BMC can besides power. May be used by several threads; `memory` as `RedfishDriver` has it."""

    def __init__(self, login: BmcLogin, lock: BmcLock, memory: SessionMemory) -> None:
        self._login = login
        self._lock = lock
        self._memory = memory

    def nmi(self, by: Deadline) -> None:
        """Send a non-maskable interrupt."""
        with self._bmc(by) as bmc:
            bmc.act(bmc.system, "ComputerSystem.Reset", "send an NMI", {"ResetType": "Nmi"})

    def identify(self, seconds: int, by: Deadline) -> bool:
        """Light the machine's locator; Redfish knows no time."""
        with self._bmc(by) as bmc:
            for place in (bmc.system, *bmc.linked("Chassis")):
                if "LocationIndicatorActive" in place:
                    bmc.patch(place, {"LocationIndicatorActive": seconds > 0})
                    return False
                if "IndicatorLED" in place:
                    bmc.patch(place, {"IndicatorLED": "Blinking" if seconds else "Off"})
                    return False
            raise self._without("a locator")

    def sensors(self, by: Deadline) -> Sequence[Sensor]:
        """All sensors that have a reading."""
        with self._bmc(by) as bmc:
            return [sensor for chassis in bmc.linked("Chassis") for sensor in _sensors(bmc, chassis)]

    def event_log(self, most: int, by: Deadline) -> Sequence[LogEntry]:
        """The newest entries of the event log, newest first."""
        with self._bmc(by) as bmc:
            entries = bmc.members(self._log(bmc).get("Entries"))
            return [_entry(entry) for entry in sorted(entries, key=_age, reverse=True)[:most]]

    def clear_event_log(self, by: Deadline) -> None:
        """Empty the event log."""
        with self._bmc(by) as bmc:
            bmc.act(self._log(bmc), "LogService.ClearLog", "clear the event log", {})

    def reset_bmc(self, by: Deadline) -> None:
        """Restart the BMC itself; its sessions end with it."""
        with self._bmc(by) as bmc:
            manager = next(iter(bmc.linked("ManagedBy")), None)
            if manager is None:
                raise self._without("a manager to restart")
            offered = bmc.offered(manager, "Manager.Reset")
            kind = next((one for one in ("GracefulRestart", "ForceRestart") if one in offered), "GracefulRestart")
            bmc.act(manager, "Manager.Reset", "restart", {"ResetType": kind})
            self._memory.forget(self._login)

    def hardware(self, by: Deadline) -> Mapping[str, str]:
        """What the machine is."""
        with self._bmc(by) as bmc:
            system = bmc.system
            processors, memory = system.get("ProcessorSummary") or {}, system.get("MemorySummary") or {}
            told = {
                "manufacturer": system.get("Manufacturer"),
                "product": system.get("Model"),
                "serial": system.get("SerialNumber"),
                "sku": system.get("SKU"),
                "asset": system.get("AssetTag"),
                "uuid": system.get("UUID"),
                "processors": _joined(processors.get("Count"), processors.get("Model"), " x "),
                "memory installed": _joined(memory.get("TotalSystemMemoryGiB"), "GiB", " "),
                "health": (system.get("Status") or {}).get("Health"),
            }
            return {name: str(value).strip() for name, value in told.items() if value}

    def macs(self, by: Deadline) -> Sequence[str]:
        """The MACs of the machine's NICs, as far as the BMC knows them while the machine is off."""
        with self._bmc(by) as bmc:
            nics = bmc.members(bmc.system.get("EthernetInterfaces"))
            told = (nic.get("PermanentMACAddress") or nic.get("MACAddress") for nic in nics)
            return sorted({str(mac).lower().replace("-", ":") for mac in told if mac})

    def firmware(self, by: Deadline) -> Mapping[str, str]:
        """Versions by component."""
        with self._bmc(by) as bmc:
            told = {"BIOS": bmc.system.get("BiosVersion")}
            for manager in bmc.linked("ManagedBy"):
                told["BMC"] = manager.get("FirmwareVersion")
            for item in bmc.members(bmc.service("UpdateService").get("FirmwareInventory")):
                told.setdefault(str(item.get("Name") or item.get("Id")), item.get("Version"))
            return {name: str(version) for name, version in told.items() if version}

    def console(self, by: Deadline) -> Console:
        """The serial console over SSH or IPMI, else the graphical one."""
        with self._bmc(by) as bmc:
            manager = next(iter(bmc.linked("ManagedBy")), {})
            return console_of(bmc.system, manager, self._login.address)

    def _log(self, bmc: Documents) -> Document:
        """The event log among the services of the manager and of the system."""
        places = [*bmc.linked("ManagedBy"), bmc.system]
        found = {
            str(log.get("Id", "")).lower(): log for place in places for log in bmc.members(place.get("LogServices"))
        }
        name = next((name for name in _EVENT_LOGS if name in found), next(iter(found), None))
        if name is None:
            raise self._without("an event log")
        return found[name]

    def _without(self, what: str) -> BmcRefused:
        return BmcRefused(f"BMC {self._login.address} tells of no {what.removeprefix('a ').removeprefix('an ')}", "")

    @contextmanager
    def _bmc(self, by: Deadline) -> Iterator[Documents]:
        with (
            self._lock.hold(self._login.address, by),
            redfish_system(self._login, self._memory, by) as system,
        ):
            yield Documents(system, self._login)


def _sensors(bmc: Documents, chassis: Document) -> Iterator[Sensor]:
    """A chassis' sensors: of Thermal and Power, and where these are gone, of Sensors (DSP2064)."""
    thermal, power = bmc.get(chassis.get("Thermal")), bmc.get(chassis.get("Power"))
    yield from _listed(thermal.get("Temperatures"), "ReadingCelsius", "°C")
    for fan in thermal.get("Fans") or []:
        yield from _listed([fan], "Reading", "%" if fan.get("ReadingUnits") == "Percent" else "RPM")
    yield from _listed(power.get("Voltages"), "ReadingVolts", "V")
    yield from _listed(power.get("PowerControl"), "PowerConsumedWatts", "W")
    for supply in power.get("PowerSupplies") or []:
        state = (supply.get("Status") or {}).get("State")
        if state and state != "Absent":
            yield Sensor(_name(supply), str(state).lower(), _health(supply))
    if not thermal and not power:
        for sensor in bmc.members(chassis.get("Sensors")):
            yield from _listed([sensor], "Reading", _UNITS.get(str(sensor.get("ReadingUnits")), ""))


def _listed(items: object, key: str, unit: str) -> Iterator[Sensor]:
    for item in items if isinstance(items, list) else []:
        reading = item.get(key)
        if isinstance(reading, (int, float)):
            yield Sensor(_name(item), f"{reading:.4g} {unit}".strip(), _health(item))


def _name(item: Document) -> str:
    return str(item.get("Name") or item.get("FanName") or item.get("MemberId") or "unnamed")


def _health(item: Document) -> Health:
    return _HEALTHS.get(str((item.get("Status") or {}).get("Health")), Health.UNKNOWN)


def _entry(entry: Document) -> LogEntry:
    health = _HEALTHS.get(str(entry.get("Severity")), Health.UNKNOWN)
    text = "".join(letter for letter in str(entry.get("Message") or entry.get("Name")) if letter.isprintable())
    return LogEntry(str(entry.get("Created") or "unknown"), health, text[:200])


def _age(entry: Document) -> tuple[str, int]:
    """By the BMC's clock, then by number: a clock that was set back does not hide what is new within a second."""
    number = str(entry.get("Id", ""))
    return str(entry.get("Created") or ""), int(number) if number.isdigit() else 0


def _joined(first: object, second: object, between: str) -> str | None:
    return f"{first}{between}{second}" if first and second else None
