"""The computer system of a BMC (schema ComputerSystem, DSP2046), in as few requests as can be.

sushy's own fetches the settings resource with every reading, and the values of the reset action with every use of it.
"""

from functools import cached_property
from typing import Any

from sushy.exceptions import MalformedAttributeError
from sushy.resources.base import CompositeField
from sushy.resources.constants import PowerState, ResetType
from sushy.resources.system.system import BootField, System

from bmprov.power import Power
from worker.drivers.quirks import Quirk, quirk_of

_POWERS = {PowerState.ON: Power.ON, PowerState.OFF: Power.OFF}


class _Boot(BootField):  # type: ignore[misc] # sushy ships no types
    """The boot object as it stands in the system, without a look at the settings."""

    def _load(self, *arguments: Any) -> Any:  # noqa: ANN401 - sushy's
        return CompositeField._load(self, *arguments)  # noqa: SLF001 - sushy's own way to read a field


class ComputerSystem(System):  # type: ignore[misc] # sushy ships no types
    """A system as it was when it was last read."""

    boot = _Boot("Boot")

    def refresh(self, force: bool = True, json_doc: Any = None) -> None:  # noqa: ANN401, FBT001, FBT002 - sushy's
        """Read it anew.

        Raises:
            MalformedAttributeError: what came is JSON, and no system. sushy stumbles over that in many ways.
        """
        try:
            super().refresh(force=force, json_doc=json_doc)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise MalformedAttributeError(attribute="", resource=self._path, error=error) from error

    @property
    def power(self) -> Power:
        """The power; unknown while the BMC says that it changes, or says nothing."""
        return _POWERS.get(self.power_state, Power.UNKNOWN)

    @cached_property
    def _told_resets(self) -> frozenset[str]:
        try:
            return frozenset(self._get_reset_action_element().get_allowed_values(self) or ())
        except (AttributeError, TypeError) as error:  # an ActionInfo that is none
            raise MalformedAttributeError(attribute="Actions", resource=self._path, error=error) from error

    @property
    def tells_resets(self) -> bool:
        """Whether the BMC tells what it takes for a reset; it may in two ways, and need not (DSP2046)."""
        return bool(self._told_resets)

    @property
    def resets(self) -> frozenset[ResetType]:
        """What may be sent for a reset; anything, where the BMC does not tell."""
        return frozenset(one for one in ResetType if not self.tells_resets or one.value in self._told_resets)

    @property
    def quirk(self) -> Quirk:
        """What its make forces on us."""
        return quirk_of(self.manufacturer, self.model)

    @property
    def settings_path(self) -> str:
        """Where what shall be is kept apart from what is (DSP0266, section 9.10); empty as a rule."""
        return str(self._settings.resource_uri or "") if self._settings else ""

    def press(self, value: ResetType) -> None:
        """Ask for a reset; returns once it is accepted."""
        self._conn.post(self._get_reset_action_element().target_uri, data={"ResetType": value.value})

    def patch(self, boot: dict[str, str], path: str = "") -> None:
        """Change the boot object, here or in the settings."""
        path = path or self._path
        told = None if path != self._path else self.json.get("@odata.etag")
        self._conn.patch(path, data={"Boot": boot}, etag=self._conn.etag(path) or told)

    def settings_boot(self) -> dict[str, Any]:
        """The boot object of the settings, empty without one."""
        if not self.settings_path:
            return {}
        boot = self._conn.get(self.settings_path).json().get("Boot")
        return boot if isinstance(boot, dict) else {}

    @property
    def takes_time(self) -> bool:
        """Whether the last change was accepted to be made by and by."""
        return bool(self._conn.later)
