"""Who is told what the DHCP server has heard and answered."""

from typing import Protocol

from pxe.dhcp.packet import Packet
from pxe.dhcp.policy import Answer, Ignored


class Witness(Protocol):
    """Draws its own conclusions; whatever was to be sent has been sent before."""

    def saw(self, asked: Packet, told: Answer | Ignored) -> None:
        """A packet came in, and this became of it."""
        ...

    def tick(self) -> None:
        """Some tenths of a second have gone by."""
        ...
