"""Sensors, event log, locator and the rest over IPMI 2.0. Fulfils `bmprov.hardware.BmcTools` with pyghmi's decoders.

Sections 28.5 (identify), 28.3 (diagnostic interrupt), 31 (event log), 33 and 35 (sensors), 34 (FRU), 20.2 (cold reset).
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pyghmi.constants import Health as PyghmiHealth
from pyghmi.exceptions import IpmiException, PyghmiException
from pyghmi.ipmi.events import EventHandler, _fix_sel_time
from pyghmi.ipmi.fru import FRU
from pyghmi.ipmi.oem.generic import OEMHandler
from pyghmi.ipmi.sdr import SDR

from bmprov.deadline import Deadline
from bmprov.errors import BmcRefused
from bmprov.hardware import Console, ConsoleKind, Health, LogEntry, Sensor
from bmprov.power import BmcLogin
from worker.drivers.bmc_lock import BmcLock
from worker.drivers.ipmi_serial import has_serial
from worker.drivers.ipmi_session import Habits, IpmiSession, ipmi_session
from worker.drivers.ipmi_wire import Unanswered

_CHASSIS, _SENSOR, _APP, _STORAGE = 0x00, 0x04, 0x06, 0x0A
_DIAGNOSTIC_INTERRUPT = 4
_LAST_ENTRY = (0xFF, 0xFF)
_RESET_S = 3.0
_HARDWARE = {
    "manufacturer": "Manufacturer",
    "product": "Product name",
    "model": "Model",
    "serial": "Serial Number",
    "asset": "Asset Number",
    "board": "Board product name",
    "board serial": "Board serial number",
    "chassis serial": "Chassis serial number",
}


class IpmiTools:
    """What one machine's BMC can besides power. May be used by several threads; `habits` as `IpmiDriver` has it."""

    def __init__(self, login: BmcLogin, lock: BmcLock, habits: Habits | None = None) -> None:
        self._login = login
        self._lock = lock
        self._habits = {} if habits is None else habits

    def nmi(self, by: Deadline) -> None:
        """Send a non-maskable interrupt (chassis control: pulse diagnostic interrupt)."""
        with self._session(by) as session:
            session.ask("send an NMI", _CHASSIS, 0x02, [_DIAGNOSTIC_INTERRUPT])

    def identify(self, seconds: int, by: Deadline) -> bool:
        """Light the machine's locator."""
        with self._session(by) as session:
            session.ask("light the locator", _CHASSIS, 0x04, [seconds])
        return True

    def sensors(self, by: Deadline) -> Sequence[Sensor]:
        """All sensors that have a reading."""
        with self._session(by) as session:
            commands = _Commands(session)
            repository = SDR(commands)
            return [
                found for number in repository.get_sensor_numbers() for found in _read(commands, repository, number)
            ]

    def event_log(self, most: int, by: Deadline) -> Sequence[LogEntry]:
        """The newest entries of the event log, newest first."""
        with self._session(by) as session:
            commands = _Commands(session)
            handler = EventHandler(SDR(commands), commands)
            records: list[dict[str, Any]] = []
            handler._fetch_entries(commands, _begin(commands, most), records)  # noqa: SLF001 - pyghmi reads all or nothing
            _fix_sel_time(records, commands)
            return [_entry(record) for record in reversed(records[-most:])]

    def clear_event_log(self, by: Deadline) -> None:
        """Empty the event log."""
        with self._session(by) as session:
            reservation = session.ask("reserve the event log", _STORAGE, 0x42)[:2]
            session.ask("clear the event log", _STORAGE, 0x47, [*reservation, *b"CLR", 0xAA])

    def reset_bmc(self, by: Deadline) -> None:
        """Restart the BMC itself; many restart without an answer."""
        with self._session(by) as session:
            session.until(by.within(_RESET_S))
            with suppress(Unanswered):
                session.ask("restart", _APP, 0x02)

    def hardware(self, by: Deadline) -> Mapping[str, str]:
        """What the machine is (FRU 0)."""
        with self._session(by) as session:
            try:
                told = FRU(ipmicmd=_Commands(session)).info or {}
            except IpmiException:
                told = {}  # it has none
        return {name: str(told[key]) for name, key in _HARDWARE.items() if isinstance(told.get(key), str) and told[key]}

    def macs(self, by: Deadline) -> Sequence[str]:  # noqa: ARG002 - the protocol's deadline
        """None: IPMI has no word for them."""
        return []

    def firmware(self, by: Deadline) -> Mapping[str, str]:
        """The BMC's own version; IPMI tells of no other."""
        with self._session(by) as session:
            told = session.ask("tell its device id", _APP, 0x01)
        ipmi = told[4]
        return {"BMC": f"{told[2] & 0x7F}.{told[3]:02x}", "IPMI": f"{ipmi & 0xF}.{ipmi >> 4}"}

    def console(self, by: Deadline) -> Console:
        """Serial over LAN, if the BMC has it and it is enabled."""
        with self._session(by) as session:
            return Console(ConsoleKind.IPMI, self._login.address) if has_serial(session) else Console(ConsoleKind.NONE)

    @contextmanager
    def _session(self, by: Deadline) -> Iterator[IpmiSession]:
        try:
            with (
                self._lock.hold(self._login.address, by),
                ipmi_session(self._login, self._habits, by) as session,
            ):
                yield session
        except (PyghmiException, NotImplementedError, struct.error, IndexError, KeyError) as error:
            raise BmcRefused(
                f"BMC {self._login.address} tells what cannot be read ({error or type(error).__name__})"[:300],
                "look for a newer firmware of the BMC; Redfish may tell more",
            ) from error


class _Commands:
    """A session as pyghmi's decoders want it."""

    def __init__(self, session: IpmiSession) -> None:
        self._session = session
        self._oem = OEMHandler(None, None)

    def raw_command(self, netfn: int, command: int, data: Sequence[int] = (), rslun: int = 0) -> dict[str, Any]:
        """The answer with its completion code."""
        return self._session.raw(netfn, command, data, rslun)

    def xraw_command(self, netfn: int, command: int, data: Sequence[int] = ()) -> dict[str, Any]:
        """The answer; another completion code than zero is an exception of pyghmi's."""
        answer = self.raw_command(netfn, command, data)
        if answer["code"]:
            raise IpmiException(answer.get("error", f"code {answer['code']:#04x}"), code=answer["code"])
        return answer

    def get_event_constants(self) -> Mapping[str, Any]:
        """The words of events; no vendor's own."""
        told: Mapping[str, Any] = self._oem.get_oem_event_const()
        return told


def _read(commands: _Commands, repository: SDR, number: str) -> Iterator[Sensor]:
    """A sensor's reading; nothing when it has none now, as an empty slot's."""
    sensor = repository.sensors[number]
    answer = commands.raw_command(_SENSOR, 0x2D, [sensor.sensor_number], rslun=sensor.sensor_lun)
    if answer["code"]:
        return
    reading = sensor.decode_sensor_reading(commands, answer["data"])
    if reading.unavailable:
        return
    value = "" if reading.value is None else f"{reading.value:.4g} {reading.units}".strip()
    text = ", ".join(filter(None, [value, *reading.states]))
    if text:
        yield Sensor(reading.name, text, _health(reading.health))


def _begin(commands: _Commands, most: int) -> int:
    """Where to begin reading so that about the `most` newest entries come: ids count up, as a rule."""
    first = commands.raw_command(_STORAGE, 0x43, [0, 0, *_LAST_ENTRY, 0, 0xFF])
    if first["code"]:
        return 0
    newest_id = int.from_bytes(bytes(first["data"][2:4]), "little")
    begin = newest_id - most + 1
    if begin <= 1:
        return 0
    there = commands.raw_command(_STORAGE, 0x43, [0, 0, *begin.to_bytes(2, "little"), 0, 0xFF])
    return 0 if there["code"] else begin


def _entry(record: Mapping[str, Any]) -> LogEntry:
    words = [record.get("component"), record.get("event"), record.get("event_data")]
    text = ": ".join(str(word) for word in words if word) or f"entry of the vendor's own, {_hex(record.get('oemdata'))}"
    return LogEntry(str(record.get("timestamp", "unknown")), _health(record.get("severity", 0)), text)


def _hex(data: object) -> str:
    return bytes(data).hex(" ") if isinstance(data, (bytes, bytearray)) else "empty"


def _health(told: int) -> Health:
    if told >= PyghmiHealth.Critical:
        return Health.CRITICAL
    return Health.WARNING if told >= PyghmiHealth.Warning else Health.OK
