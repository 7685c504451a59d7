"""CloudStack's custom actions, as data: what `bmprov cloudstack actions` registers, and what is validated again here.

CloudStack 4.21 (`AddCustomActionCmd`, `ExtensionCustomAction.Parameter`). No parameter is a BOOLEAN: its validation
there makes `true` of `false` as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bmprov.errors import Invalid, Refused
from bmprov.power import BootDevice, PowerAction

USER = "User"
"""CloudStack's role type of a tenant."""


class ParameterKind(StrEnum):
    """The types that are used of `ExtensionCustomAction.Parameter.Type`."""

    NUMBER = "NUMBER"
    STRING = "STRING"


@dataclass(frozen=True)
class Parameter:
    """A parameter. `options` are its values when they are few; a number lies between `least` and `most`."""

    name: str
    kind: ParameterKind
    about: str
    default: str | int | None = None
    options: tuple[str, ...] = ()
    least: int = 0
    most: int = 0

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is None

    def checked(self, value: object) -> str | int:
        """The value as it is meant.

        Raises:
            Invalid: it makes no sense.
        """
        if self.kind is ParameterKind.STRING:
            if isinstance(value, str) and value in self.options:
                return value
            raise Invalid(f"'{self.name}' is not '{str(value)[:40]}'", f"it is one of {', '.join(self.options)}")
        number = _number(value)
        if number is None or not self.least <= number <= self.most:
            raise Invalid(f"'{self.name}' is not '{str(value)[:40]}'", f"it lies between {self.least} and {self.most}")
        return number


@dataclass(frozen=True)
class CustomAction:
    """A custom action. `guarded`: it can destroy work, or changes the BMC, so a tenant may not.

    `power` is what it does to the power, as far as CloudStack is told; `timeout_s` is what CloudStack has to wait.
    `in_error`: it is for an instance whose machine is in error too, and not for active ones only.
    """

    name: str
    about: str
    timeout_s: int
    guarded: bool = False
    power: PowerAction | None = None
    parameters: tuple[Parameter, ...] = ()
    in_error: bool = False

    def checked(self, given: Mapping[str, Any]) -> dict[str, str | int]:
        """The parameters, with defaults for those that are not given.

        Raises:
            Invalid: one is missing, unknown, or makes no sense.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        if unknown := sorted(set(given) - set(known)):
            raise Invalid(f"'{self.name}' has no parameter '{unknown[0][:40]}'", f"it has {', '.join(known) or 'none'}")
        values = {name: given.get(name, parameter.default) for name, parameter in known.items()}
        if missing := [name for name, value in values.items() if value is None]:
            raise Invalid(f"'{self.name}' needs the parameter '{missing[0]}'", known[missing[0]].about)
        return {name: known[name].checked(value) for name, value in values.items()}


_SECONDS = Parameter("seconds", ParameterKind.NUMBER, "how long the locator is lit; 0 ends it", 60, least=0, most=255)
_ENTRIES = Parameter("entries", ParameterKind.NUMBER, "how many, newest first", 20, least=1, most=100)
_DEVICE = Parameter(
    "device",
    ParameterKind.STRING,
    "where the firmware boots from; default is its own order",
    options=tuple(device.value for device in BootDevice),
)
_HOW_OFTEN = Parameter(
    "often", ParameterKind.STRING, "for the next boot, or always", "once", options=("once", "always")
)

_QUICK_S, _SLOW_S, _SHUTDOWN_S, _RESCUE_S = 60, 120, 180, 1200

ACTIONS: Mapping[str, CustomAction] = {
    action.name: action
    for action in (
        CustomAction("poweron", "switch the machine on", _QUICK_S, power=PowerAction.ON),
        CustomAction("poweroff", "cut the power at once", _QUICK_S, guarded=True, power=PowerAction.OFF),
        CustomAction("powercycle", "cut the power and give it back", _SLOW_S, guarded=True, power=PowerAction.CYCLE),
        CustomAction("powerreset", "restart at once, power kept", _QUICK_S, guarded=True, power=PowerAction.RESET),
        CustomAction("softshutdown", "ask the operating system to shut down", _SHUTDOWN_S, power=PowerAction.SOFT_OFF),
        CustomAction("nmi", "send an NMI: a system set up for it writes a crash dump", _QUICK_S, guarded=True),
        CustomAction("identify", "light the machine's locator", _QUICK_S, parameters=(_SECONDS,)),
        CustomAction("bootdevice", "choose the boot device", _QUICK_S, guarded=True, parameters=(_DEVICE, _HOW_OFTEN)),
        CustomAction("sensors", "temperatures, fans, voltages, power supplies", _SLOW_S),
        CustomAction("eventlog", "the newest entries of the BMC's event log", _SLOW_S, parameters=(_ENTRIES,)),
        CustomAction("cleareventlog", "empty the BMC's event log", _QUICK_S, guarded=True),
        CustomAction("bmcreset", "restart the BMC; the machine goes on", _QUICK_S, guarded=True),
        CustomAction("hardware", "manufacturer, product, serial numbers", _SLOW_S),
        CustomAction("firmware", "versions of BMC and firmware", _SLOW_S),
        CustomAction("rescuemode", "MAAS: restart into its rescue system, disks untouched", _RESCUE_S, guarded=True),
        CustomAction("exitrescuemode", "MAAS: restart into the machine's own system again", _RESCUE_S, guarded=True),
        CustomAction("lock", "MAAS: forbid every change of the machine there, its release too", _QUICK_S, guarded=True),
        CustomAction("unlock", "MAAS: permit changes again", _QUICK_S, guarded=True, in_error=True),
        CustomAction(
            "markbroken", "MAAS: take the machine out of use, off; its instance is lost", _QUICK_S, guarded=True
        ),
    )
}


MARK_FIXED = CustomAction("markfixed", "MAAS: put a broken machine into use again", _QUICK_S)
"""What `bmprov machine mark-fixed` does: a broken machine is no instance's, so it is not for CloudStack's dialog."""

CHECK = CustomAction("check", "find out whether the machine can do what will be asked of it", _SLOW_S)
"""What `bmprov machine check` does; it is not for CloudStack's dialog."""

NETWORK_CHECK = CustomAction(
    "networkcheck", "compare what a machine's switch ports must carry with what they do", _SLOW_S
)
NETWORK_PLAN = CustomAction("networkplan", "tell the commands that would set a machine's switch ports", _SLOW_S)
NETWORK_APPLY = CustomAction("networkapply", "set a machine's switch ports to what they must carry", _SLOW_S)
"""What `bmprov network` does; a tenant's VLAN is CloudStack's to order, so these are not for its dialog."""


def action_named(name: str) -> CustomAction:
    """The action with this name.

    Raises:
        Invalid: there is none.
    """
    try:
        return ACTIONS[name]
    except KeyError:
        raise Invalid(f"there is no action '{name[:64]}'", f"there are {', '.join(ACTIONS)}") from None


def refuse(action: CustomAction, role_type: str, allowed: tuple[str, ...]) -> None:
    """Refuse an action that a caller of this role type (`Admin`, `User`, …; empty when it is not told) may not take.

    `allowed` are the guarded actions that the operator leaves to tenants.

    Raises:
        Refused: it is guarded.
    """
    if action.guarded and action.name not in allowed and role_type in ("", USER):
        who = f"a caller of role type {role_type}" if role_type else "a caller whom CloudStack does not name"
        raise Refused(f"'{action.name}' is not for {who}", "ask an administrator, who may allow it: api.user_actions")


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None
