"""VirtualBMC itself, over libvirt's test driver: a hypervisor inside this process, with one domain that nobody runs.

Debian's Python starts it, for that has libvirt's binding; VirtualBMC and pyghmi come from the folder that is named
first: `virtual_bmc.py SITE-PACKAGES PORT STATE-FILE USER PASSWORD`. After each change it writes to the file what
libvirt says: power, first boot device, and the number of changes asked of libvirt.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import libvirt

SITE_PACKAGES, PORT, STATE, USER, PASSWORD = sys.argv[1:]
sys.path.append(SITE_PACKAGES)

from virtualbmc.vbmc import VirtualBMC  # noqa: E402 # the path comes first

URI, DOMAIN = "test:///default", "test"


class WatchedBmc(VirtualBMC):  # type: ignore[misc] # VirtualBMC ships no types
    """VirtualBMC, which also tells the test what became of its domain."""

    def __init__(self) -> None:
        super().__init__(USER, PASSWORD, int(PORT), "127.0.0.1", DOMAIN, URI)
        self._hypervisor = libvirt.open(URI)  # as long as it is open, all others see the same domain
        self._domain().destroy()
        self._changes = 0
        self._tell()

    def power_on(self) -> int | None:
        return self._moved(super().power_on, moves=not self._domain().isActive())

    def power_off(self) -> int | None:
        return self._moved(super().power_off, moves=self._domain().isActive())

    def power_shutdown(self) -> int | None:
        return self._moved(super().power_shutdown, moves=self._domain().isActive())

    def power_reset(self) -> int | None:
        return self._moved(super().power_reset, moves=self._domain().isActive())

    def set_boot_device(self, bootdevice: str) -> int | None:
        return self._moved(lambda: super(WatchedBmc, self).set_boot_device(bootdevice), moves=False)

    def _moved(self, act: Callable[[], int | None], *, moves: bool) -> int | None:
        code = act()
        self._changes += moves
        self._tell()
        return code

    def _tell(self) -> None:
        power = "on" if self._domain().isActive() else "off"
        description = self._domain().XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        boot = description.partition("<boot dev='")[2].partition("'")[0]
        fresh = Path(STATE).with_suffix(".new")
        fresh.write_text(f"{power} {boot} {self._changes}")
        fresh.replace(STATE)

    def _domain(self) -> libvirt.virDomain:
        return self._hypervisor.lookupByName(DOMAIN)


if __name__ == "__main__":
    WatchedBmc().listen()
