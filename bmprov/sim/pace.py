"""How long a simulated machine takes for things, and what goes wrong with it; both may be changed while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Pace:
    """Seconds that each part of a machine's life takes. `jitter` spreads each by that fraction up and down."""

    post_s: float = 0.5
    kernel_s: float = 0.3
    os_boot_s: float = 0.5
    shutdown_s: float = 1.0
    write_mb_s: float = 40.0
    progress_s: float = 1.0
    jitter: float = 0.2


PACES: Mapping[str, Pace] = MappingProxyType(
    {
        "demo": Pace(),
        "instant": Pace(post_s=0, kernel_s=0, os_boot_s=0, shutdown_s=0, write_mb_s=1e6, progress_s=1, jitter=0),
        "real": Pace(post_s=25, kernel_s=6, os_boot_s=20, shutdown_s=8, write_mb_s=1, progress_s=2, jitter=0.5),
    }
)
"""`demo` is quick enough to watch, `real` takes tens of seconds like a server's firmware."""


@dataclass(frozen=True)
class FirmwareFaults:
    """What goes wrong with a machine, its BMC's faults aside (`BmcFaults`)."""

    no_dhcp: bool = False
    """Its DHCP packets vanish."""
    tftp_lost: bool = False
    """Its TFTP packets vanish."""
    script_unread: bool = False
    """iPXE cannot fetch its script."""
    ignores_override: bool = False
    """Boots its disk, whatever the BMC was told."""
    ramdisk_hangs: bool = False
    """The ramdisk starts and never calls."""
    fails_at_percent: float | None = None
    """The ramdisk gives up after so much of the image."""
    corrupts: bool = False
    """What is written is not what came."""
    doubles_calls: bool = False
    """Every call of the ramdisk is made twice."""
    echoes_after_s: float | None = None
    """Every call of the ramdisk arrives once more so much later, even when the machine has gone on or is off."""
    writes_stall: bool = False
    """The ramdisk stops in the middle of the image and says no more."""
