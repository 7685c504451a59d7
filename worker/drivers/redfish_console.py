"""Which console a BMC offers, by what Redfish tells: `SerialConsole` of ComputerSystem 1.13 and newer, else of Manager.

The manager's tells only what could be (`ConnectTypesSupported`); where SSH leads to the BMC's own shell, `quirks` knows
for some makes what is typed there.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bmprov.hardware import Console, ConsoleKind
from worker.drivers.quirks import quirk_of

_SSH_PORT, _IPMI_PORT = 22, 623

Document = Mapping[str, Any]


def console_of(system: Document, manager: Document, address: str) -> Console:
    """The console of a system whose BMC has this address."""
    host = urlsplit(address).hostname or ""
    host = f"[{host}]" if ":" in host else host
    quirk = quirk_of(system.get("Manufacturer"), system.get("Model"))
    return (
        _of_system(_part(system, "SerialConsole"), host, quirk.enter_console)
        or _of_manager(_part(manager, "SerialConsole"), host, quirk.enter_console)
        or _graphical(system, manager, address)
        or Console(ConsoleKind.NONE)
    )


def _of_system(told: Document, host: str, known: str) -> Console | None:
    ssh, ipmi = _part(told, "SSH"), _part(told, "IPMI")
    enter = str(ssh.get("ConsoleEntryCommand") or known)
    if ssh.get("ServiceEnabled") and (enter or not ssh.get("SharedWithManagerCLI")):
        shared = bool(ssh.get("SharedWithManagerCLI") or ssh.get("ConsoleEntryCommand"))
        return Console(ConsoleKind.SSH, f"ssh://{host}:{ssh.get('Port') or _SSH_PORT}", enter if shared else "")
    if ipmi.get("ServiceEnabled"):
        return Console(ConsoleKind.IPMI, f"ipmi://{host}:{ipmi.get('Port') or _IPMI_PORT}")
    return None


def _of_manager(told: Document, host: str, known: str) -> Console | None:
    kinds = told.get("ConnectTypesSupported") or []
    if not told.get("ServiceEnabled"):
        return None
    if "SSH" in kinds and known:
        return Console(ConsoleKind.SSH, f"ssh://{host}:{_SSH_PORT}", known)
    return Console(ConsoleKind.IPMI, f"ipmi://{host}:{_IPMI_PORT}") if "IPMI" in kinds else None


def _graphical(system: Document, manager: Document, address: str) -> Console | None:
    """The BMC's own web page, from where its graphical console is opened: Redfish has no address for that."""
    if any(_part(place, "GraphicalConsole").get("ServiceEnabled") for place in (system, manager)):
        parts = urlsplit(address)
        scheme = "http" if parts.scheme == "redfish+http" else "https"
        return Console(ConsoleKind.GRAPHICAL, f"{scheme}://{parts.netloc}/")
    return None


def _part(document: Document, name: str) -> Document:
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}
