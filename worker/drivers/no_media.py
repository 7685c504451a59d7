"""The virtual media of a BMC that has none: IPMI knows of no such thing. Fulfils `bmprov.media.MediaDriver`."""

from bmprov.deadline import Deadline
from bmprov.errors import NoVirtualMedia


class NoMedia:
    """A machine without a virtual CD."""

    def __init__(self, address: str) -> None:
        self._address = address

    def read(self, by: Deadline) -> str:  # noqa: ARG002 - the protocol's deadline; nobody is asked
        """Nothing can be read.

        Raises:
            NoVirtualMedia: always.
        """
        raise NoVirtualMedia(self._address)

    def insert(self, url: str, by: Deadline) -> None:  # noqa: ARG002 - as above
        """Nothing can be inserted.

        Raises:
            NoVirtualMedia: always.
        """
        raise NoVirtualMedia(self._address)

    def eject(self, by: Deadline) -> None:  # noqa: ARG002 - as above
        """Nothing can be ejected.

        Raises:
            NoVirtualMedia: always.
        """
        raise NoVirtualMedia(self._address)
