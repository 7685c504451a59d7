"""Which console is made of what Redfish tells: of the system, of the manager, of neither."""

from typing import Any

import pytest

from bmprov.hardware import Console, ConsoleKind
from worker.drivers.redfish_console import console_of

ADDRESS = "redfish://10.0.0.9:8443"
NONE = Console(ConsoleKind.NONE)
SSH = {"ServiceEnabled": True, "Port": 2200}
OFF = {"ServiceEnabled": False, "Port": 22}
GRAPHICAL = {"ServiceEnabled": True, "ConnectTypesSupported": ["KVMIP"]}


def manager(*kinds: str, enabled: bool = True) -> dict[str, Any]:
    return {"SerialConsole": {"ServiceEnabled": enabled, "ConnectTypesSupported": list(kinds)}}


@pytest.mark.parametrize(
    ("system", "console"),
    [
        ({"SSH": SSH}, Console(ConsoleKind.SSH, "ssh://10.0.0.9:2200")),
        ({"SSH": {"ServiceEnabled": True}}, Console(ConsoleKind.SSH, "ssh://10.0.0.9:22")),
        (
            {"SSH": SSH | {"SharedWithManagerCLI": True, "ConsoleEntryCommand": "start /system1/sol1"}},
            Console(ConsoleKind.SSH, "ssh://10.0.0.9:2200", "start /system1/sol1"),
        ),
        ({"SSH": SSH | {"SharedWithManagerCLI": True}}, NONE),
        ({"SSH": OFF, "IPMI": {"ServiceEnabled": True}}, Console(ConsoleKind.IPMI, "ipmi://10.0.0.9:623")),
        (
            {"SSH": OFF, "IPMI": {"ServiceEnabled": True, "Port": 1623}},
            Console(ConsoleKind.IPMI, "ipmi://10.0.0.9:1623"),
        ),
        ({"SSH": OFF}, NONE),
        (None, NONE),
        ("garbage", NONE),
        ({"SSH": None, "IPMI": []}, NONE),
    ],
)
def test_what_the_system_tells(system: object, console: Console) -> None:
    assert console_of({"SerialConsole": system}, {}, ADDRESS) == console


@pytest.mark.parametrize(
    ("manufacturer", "told", "console"),
    [
        ("Dell Inc.", manager("SSH", "Telnet", "IPMI"), Console(ConsoleKind.SSH, "ssh://10.0.0.9:22", "console com2")),
        ("HPE", manager("SSH", "IPMI", "Oem"), Console(ConsoleKind.SSH, "ssh://10.0.0.9:22", "vsp")),
        ("Supermicro", manager("SSH", "IPMI"), Console(ConsoleKind.IPMI, "ipmi://10.0.0.9:623")),
        ("Supermicro", manager("SSH"), NONE),
        ("Dell Inc.", manager("SSH", "IPMI", enabled=False), NONE),
    ],
)
def test_what_the_manager_tells(manufacturer: str, told: dict[str, Any], console: Console) -> None:
    """It says that there is SSH, and not what to type there: that is known of some makes."""
    assert console_of({"Manufacturer": manufacturer}, told, ADDRESS) == console


@pytest.mark.parametrize(
    ("address", "page"),
    [
        (ADDRESS, "https://10.0.0.9:8443/"),
        ("redfish://[fd00::9]", "https://[fd00::9]/"),
        ("redfish+http://10.0.0.9/redfish/v1/Systems/1", "http://10.0.0.9/"),
    ],
)
def test_the_graphical_one_is_the_last_resort(address: str, page: str) -> None:
    told = {"GraphicalConsole": GRAPHICAL}
    assert console_of({}, told, address) == Console(ConsoleKind.GRAPHICAL, page)
    assert console_of(told, {}, address) == Console(ConsoleKind.GRAPHICAL, page)
    assert console_of({}, manager("IPMI") | told, address).kind is ConsoleKind.IPMI


def test_an_ipv6_address_stays_one() -> None:
    found = console_of({"SerialConsole": {"SSH": SSH}}, {}, "redfish://[fd00::9]")
    assert found.address == "ssh://[fd00::9]:2200"
