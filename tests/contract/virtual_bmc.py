"""A BMC made of pyghmi's server half, as VirtualBMC 3.3 uses it, with a dictionary in place of libvirt.

Started as `virtual_bmc.py PORT STATE-FILE USER PASSWORD`; the file holds power, boot device and the number of changes.
"""

import sys
from pathlib import Path

from pyghmi.ipmi.bmc import Bmc

OK = 0x00


class VirtualBmc(Bmc):  # type: ignore[misc] # pyghmi ships no types
    """Has what VirtualBMC has: no `power_cycle`, and one boot order that is kept."""

    def __init__(self, port: int, state: Path, user: str, password: str) -> None:
        super().__init__({user: password}, port=port, address="127.0.0.1")
        self._state = state
        self._power, self._boot, self._changes = "off", "default", 0
        self._write()

    def _write(self) -> None:
        fresh = self._state.with_suffix(".new")
        fresh.write_text(f"{self._power} {self._boot} {self._changes}")
        fresh.replace(self._state)

    def _switch(self, power: str) -> int:
        self._power = power
        self._changes += 1
        self._write()
        return OK

    def get_power_state(self) -> str:
        return self._power

    def power_off(self) -> int:
        return self._switch("off")

    def power_on(self) -> int:
        return self._switch("on")

    def power_shutdown(self) -> int:
        return self._switch("off")

    def power_reset(self) -> int:
        return self._switch("on")

    def get_boot_device(self) -> str:
        return self._boot

    def set_boot_device(self, bootdevice: str) -> None:
        self._boot = bootdevice
        self._write()


if __name__ == "__main__":
    VirtualBmc(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]).listen()
