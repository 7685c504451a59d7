"""Who decides for the DHCP server, and who is told what it has heard and answered."""

from typing import Protocol

from pxe.dhcp.packet import Packet
from pxe.dhcp.policy import Answer, Ignored
from pxe.dhcp.terms import Terms


class Decider(Protocol):
    """Decides about requests: a policy, or one that is shared with other servers."""

    @property
    def terms(self) -> Terms:
        """What the answers say."""
        ...

    def answer(self, asked: Packet, *, proxy_port: bool = False) -> Answer | Ignored:
        """The reply to a request; `proxy_port` says that it came to port 4011."""
        ...


class Witness(Protocol):
    """Draws its own conclusions; whatever was to be sent has been sent before."""

    def saw(self, asked: Packet, told: Answer | Ignored) -> None:
        """A packet came in, and this became of it."""
        ...

    def tick(self) -> None:
        """Some tenths of a second have gone by."""
        ...
