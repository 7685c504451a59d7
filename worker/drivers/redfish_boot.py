"""The boot override over Redfish (schema ComputerSystem, DSP2046).

What is most likely right is sent first, the answer is not believed, and only what reads back counts: iDRAC 8
sets the device and answers 400; Supermicro and OpenBMC want the mode with each override, or fall back to legacy boot
without a word; iLO refuses the mode, and `None` as a target; others know no `Continuous` or no `Disabled`.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from sushy.exceptions import AccessError, HTTPError

from bmprov.deadline import Deadline
from bmprov.errors import BmcMismatch
from bmprov.power import BootDevice, BootOverride
from worker.drivers.redfish_system import ComputerSystem

log = structlog.get_logger()

_READ_AGAIN_S = 0.25
_TARGETS = {
    BootDevice.NETWORK: ("Pxe", "UefiHttp"),
    BootDevice.DISK: ("Hdd",),
    BootDevice.CDROM: ("Cd", "UsbCd"),
    BootDevice.SETUP: ("BiosSetup",),
}
_DEVICES = {target: device for device, targets in _TARGETS.items() for target in targets}
_ENABLED, _TARGET, _MODE = "BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode"
_OFTEN = {True: ("Once", "Continuous"), False: ("Continuous", "Once")}
_OFF = (None, "Disabled")


@dataclass(frozen=True)
class _Kept:
    """A boot object as it reads. `other` is a target that `BootDevice` has no word for."""

    override: BootOverride
    mode: str | None
    target: str | None
    other: bool

    @classmethod
    def of(cls, boot: object) -> "_Kept":
        told = _object(boot)
        enabled, target, mode = (_text(told.get(name)) for name in (_ENABLED, _TARGET, _MODE))
        off = enabled in _OFF or target in (None, "None")
        device = BootDevice.DEFAULT if off else _DEVICES.get(target or "", BootDevice.DEFAULT)
        return cls(
            BootOverride(device, once=not off and enabled == "Once"), mode, target, not off and target not in _DEVICES
        )

    def is_device(self, device: BootDevice) -> bool:
        return self.override.device is device and not self.other


def read_override(system: ComputerSystem) -> BootOverride:
    """The boot override in force. A device that `BootDevice` has no word for, such as a floppy, counts as `DEFAULT`."""
    return _kept(system).override


class BootSetting:
    """Sets the boot override of one system. `mode` is `UEFI` or `Legacy`."""

    def __init__(
        self,
        system: ComputerSystem,
        bmc: str,
        mode: str,
        patience: Deadline,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._system = system
        self._bmc = bmc
        self._mode = mode
        self._patience = patience
        self._sleep = sleep
        self._refusal: HTTPError | None = None

    def set(self, override: BootOverride) -> None:
        """Returns once the device reads back.

        What is in force already is not sent again, except an override for one boot: some BMCs show one that is used.

        Raises:
            BmcMismatch: it was accepted, and the device does not read back.
            HTTPError: the BMC's last refusal, when it has refused it all.
        """
        kept = _kept(self._system)
        if kept.override == override and not kept.other and not override.once and self._mode_fits(kept):
            return
        kept = self._try(override)
        if not kept.is_device(override.device) and override.device is BootDevice.DEFAULT:
            log.info("BMC keeps a boot device for ever, gets the disk", bmc=self._bmc)
            override = BootOverride(BootDevice.DISK, once=False)
            kept = self._try(override)
        if not kept.is_device(override.device):
            raise self._refusal or self._lost(override, kept)
        self._tell_difference(override, kept)

    def _try(self, override: BootOverride) -> _Kept:
        """Send one after the other until one reads back, here and then in the settings; what reads in the end."""
        self._refusal = None
        kept = self._try_at("", override)
        if kept.is_device(override.device) or _TARGET not in (pending := self._system.settings_boot()):
            return kept
        kept = _Kept.of(pending)
        return kept if kept.is_device(override.device) else self._try_at(self._system.settings_path, override)

    def _try_at(self, path: str, override: BootOverride) -> _Kept:
        kept = self._read(path)
        for boot in self._attempts(override, kept):
            try:
                self._system.patch(boot, path)
            except AccessError:
                raise
            except HTTPError as error:
                self._refusal = error
            kept = self._settled(path, override)
            if kept.is_device(override.device) and self._mode_fits(kept):
                break
            log.info("boot override does not read back", bmc=self._bmc, sent=boot, kept=kept.override.device)
            if kept.is_device(override.device) and _MODE in boot:
                break
        return kept

    def _attempts(self, override: BootOverride, before: _Kept) -> Iterator[dict[str, str]]:
        """What to send. The mode goes with it at first only where the BMC tells another."""
        mode = {_MODE: self._mode}
        if before.mode is None or self._system.quirk.mode_is_setup:
            modes: list[dict[str, str]] = [{}]
        else:
            modes = [{}, mode] if before.mode == self._mode else [mode, {}]
        if override.device is BootDevice.DEFAULT:
            targets: list[dict[str, str]] = [{_TARGET: "None"}, {}]
            if "None" not in (self._allowed or ["None"]):
                targets.reverse()
            if before.target not in (None, "None"):  # HPE iLO 6 wants one that is none of its "None"
                targets.append({_TARGET: str(before.target)})
            for target in targets:
                for more in modes:
                    yield {_ENABLED: "Disabled", **target, **more}
            return
        # a menu, or an installer's CD, would come up at each boot
        either = override.device in (BootDevice.NETWORK, BootDevice.DISK)
        for often in _OFTEN[override.once][: 2 if either else 1]:
            for more in modes:
                yield {_TARGET: self._target(override.device), _ENABLED: often, **more}

    def _target(self, device: BootDevice) -> str:
        """The first that the BMC says it takes; a list that has none of them is not believed."""
        targets = _TARGETS[device]
        if device is BootDevice.CDROM and self._system.quirk.cd_is_usb:
            targets = targets[::-1]
        return next((one for one in targets if one in self._allowed), _TARGETS[device][0])

    @property
    def _allowed(self) -> list[Any]:
        told = _object(self._system.json.get("Boot")).get(f"{_TARGET}@Redfish.AllowableValues")
        return told if isinstance(told, list) else []

    def _settled(self, path: str, override: BootOverride) -> _Kept:
        """What reads back; later, where the BMC has said that it takes its time."""
        takes_time = self._system.takes_time
        kept = self._read(path)
        while takes_time and not kept.is_device(override.device) and self._patience.remaining_s > _READ_AGAIN_S:
            self._sleep(_READ_AGAIN_S)
            kept = self._read(path)
        return kept

    def _read(self, path: str) -> _Kept:
        if path:
            return _Kept.of(self._system.settings_boot())
        self._system.refresh()
        return _kept(self._system)

    def _mode_fits(self, kept: _Kept) -> bool:
        no_device = kept.override.device is BootDevice.DEFAULT
        return no_device or kept.mode in (None, self._mode) or self._system.quirk.mode_is_setup

    def _tell_difference(self, override: BootOverride, kept: _Kept) -> None:
        if kept.mode not in (None, self._mode) and override.device is not BootDevice.DEFAULT:
            log.warning("BMC keeps its own boot mode", bmc=self._bmc, wanted=self._mode, mode=kept.mode)
        if kept.override.once is not override.once:
            log.warning("BMC keeps a boot device otherwise", bmc=self._bmc, wanted_once=override.once)

    def _lost(self, override: BootOverride, kept: _Kept) -> BmcMismatch:
        return BmcMismatch(
            f"BMC {self._bmc} accepted boot device '{override.device}' and dropped it"
            f" (it reads '{kept.target if kept.other else kept.override.device}')",
            "check that the firmware's setup lets the BMC change the boot order, and the BMC's firmware version",
        )


def _kept(system: ComputerSystem) -> _Kept:
    """As it stands in the system; in the settings, where the system leaves it empty (AMI MegaRAC)."""
    boot = _object(system.json.get("Boot"))
    if system.settings_path and boot.get(_ENABLED) is None:
        boot = boot | system.settings_boot()
    return _Kept.of(boot)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
