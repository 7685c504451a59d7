"""The ramdisk's CD as BMCs fetch it: the image, with an operation's own arguments in the place that it has for them.

A machine that boots it asks no DHCP server. Its address is given out here, from the same range and in the same way,
and stands among the arguments. BMCs read by ranges (RFC 9110, section 14), hundreds for one boot.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import structlog
from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from bmprov.errors import Invalid
from bmprov.settings import PxeSettings
from images import iso9660
from images.ramdisk import medium
from pxe.admission import Admitted
from pxe.directory import StoreLeases
from pxe.script import kernel_arguments
from pxe.transfer import Transfers

log = structlog.get_logger()

_BLOCK_BYTES = 2**18
_SHORT_BYTES = 2**20
"""A range of at most this is sent in no time, and takes no slot: a machine that boots cannot ask again."""


class NoMedium(Exception):
    """There is no CD for this operation, and there will be none before an operator has acted; the text says why."""


@dataclass(frozen=True)
class Media:
    """The CD `image`, and what its arguments are made of."""

    image: Path
    leases: StoreLeases
    settings: PxeSettings
    transfers: Transfers

    def send(self, admitted: Admitted) -> Response:
        """The operation's CD, or the range of it that was asked for.

        Raises:
            NoMedium: it is not built, the machine has no address, or its arguments do not fit.
            Denied: 503 when every slot for large files is taken.
        """
        try:
            patch = medium.arguments_file(self._arguments(admitted))
        except Invalid as error:
            raise NoMedium(str(error)) from error
        try:
            told, place = self.image.stat(), self._place()
        except (OSError, Invalid) as error:
            raise NoMedium(
                f"the ramdisk's CD {self.image} is not usable ({error}): make it with `bmprov image build-ramdisk`"
            ) from error
        free = _nothing if _is_short(told.st_size) else self.transfers.take()
        file = _Patched(self.image, place.offset, patch, free)
        response = Response(FileWrapper(cast("IO[bytes]", file), _BLOCK_BYTES), direct_passthrough=True)
        response.mimetype = "application/octet-stream"
        response.set_etag(f"{told.st_mtime_ns:x}-{admitted.operation.id}")
        response.content_length = told.st_size
        try:
            response.make_conditional(request.environ, accept_ranges=True, complete_length=told.st_size)
        except RequestedRangeNotSatisfiable:
            file.close()
            raise
        return response

    def _arguments(self, admitted: Admitted) -> str:
        """What iPXE adds to the kernel's arguments stands here too (`pxe.script`): the NIC and its address."""
        nic = admitted.machine.netboot_nic
        if nic is None:
            raise NoMedium(f"machine {admitted.machine.name} has no NIC on record")
        address, settings = self._address(admitted, nic.mac), self.settings
        card = f"BOOTIF=01-{nic.mac.replace(':', '-')}"
        network = f"bmprov.net={address}/{settings.network.netmask}/{settings.router}"
        told = kernel_arguments(settings.http_url, admitted.token, settings.kernel_arguments)
        return f"{told} {card} {network}"

    def _address(self, admitted: Admitted, mac: str) -> str:
        """The machine's address in this operation; it is the same however often the CD is read."""
        operation = admitted.operation
        if operation.boot_ip:
            return operation.boot_ip
        if self.settings.mode != "server":
            raise NoMedium(
                "virtual media need addresses that bmprov gives out, and with pxe.mode = 'proxy' it has none"
            )
        address = self.leases.offer(mac, operation.id)
        if isinstance(address, str):
            raise NoMedium(address)
        self.leases.confirm(mac, address, operation.id)
        log.info("address for a CD", machine=admitted.machine.name, operation=operation.id, address=str(address))
        return str(address)

    def _place(self) -> iso9660.Extent:
        """Where the arguments stand in the image.

        Raises:
            Invalid: it has no such place.
        """
        with self.image.open("rb") as file:
            folder = iso9660.root_folder(_part(file, iso9660.DESCRIPTOR))
            place = iso9660.file_in(_part(file, folder), medium.ARGUMENTS)
        if place.size_bytes != medium.ARGUMENTS_BYTES:
            raise Invalid("its room for arguments has another size")
        return place


class _Patched(io.RawIOBase):
    """A file in which one part reads otherwise. `free` is called when it is closed.

    It has no file descriptor to show, with which gunicorn would send the file as it is.
    """

    def __init__(self, path: Path, at: int, patch: bytes, free: Callable[[], None]) -> None:
        super().__init__()
        self._at = at
        self._patch = patch
        self._free = free
        try:
            self._file = path.open("rb", buffering=0)
        except OSError:
            free()
            raise

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, memory: bytearray) -> int:  # type: ignore[override] # any writable buffer
        begin = self._file.tell()
        count = self._file.readinto(memory) or 0
        first, last = max(begin, self._at), min(begin + count, self._at + len(self._patch))
        if first < last:
            memory[first - begin : last - begin] = self._patch[first - self._at : last - self._at]
        return count

    def close(self) -> None:
        if not self.closed:
            self._file.close()
            super().close()
            self._free()


def _is_short(size_bytes: int) -> bool:
    asked = request.range.range_for_length(size_bytes) if request.range else None
    return request.method == "HEAD" or (asked is not None and asked[1] - asked[0] <= _SHORT_BYTES)


def _part(file: io.BufferedReader, extent: iso9660.Extent) -> bytes:
    file.seek(extent.offset)
    return file.read(min(extent.size_bytes, _SHORT_BYTES))


def _nothing() -> None:
    """No slot was taken."""
