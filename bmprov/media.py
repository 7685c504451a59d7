"""Virtual media: an image that a BMC fetches and shows to its machine as a CD, and the protocol of its drivers."""

from typing import Protocol

from bmprov.deadline import Deadline

FILE = "bmprov-ramdisk.iso"
"""How every address of the ramdisk's image ends. What has another name in a drive is somebody else's."""


def image_url(base: str, token: str) -> str:
    """Where `bmprov pxe http`, which is at `base`, has the image of the operation with this token."""
    return f"{base}/media/v1/{token}/{FILE}"


class MediaDriver(Protocol):
    """The virtual CD of one machine, through its BMC. Every method ends before its deadline and leaves no session open.

    Raises:
        BmcUnreachable, BmcBusy, BmcAuthFailed, BmcRefused: as `bmprov.power.PowerDriver` has them.
        NoVirtualMedia: the BMC has none.
    """

    def read(self, by: Deadline) -> str:
        """The name of what is in the drive, without its address, which may hold a secret; empty when nothing is."""
        ...

    def insert(self, url: str, by: Deadline) -> None:
        """Put the ramdisk's image into the drive; returns once it reads back. What is in there already is left.

        Raises:
            BmcMismatch: the BMC does not take it (retry: it may not have reached `url`).
            BmcRefused: another image is in the drive, which is never taken out.
        """
        ...

    def eject(self, by: Deadline) -> None:
        """Take the ramdisk's image out; returns once that reads back. Another image stays; nothing is no error."""
        ...
