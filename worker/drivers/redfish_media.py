"""Virtual media over Redfish, each change read back. Fulfils `bmprov.media.MediaDriver`.

Schema VirtualMedia (DSP2046), below the system, where newer BMCs have it, or below the manager. Makes differ in what an
insertion must say and may not say: the least is sent first, and only what reads back counts. What sushy 5.14 knows of
them (sushy/resources/manager/virtual_media.py): Supermicro X11 refuses `Inserted` and `WriteProtected`, Cisco wants
the protocol, NVIDIA DGX a user, and Lenovo SD530 has no action and wants a PATCH.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import structlog
from sushy.exceptions import AccessError, HTTPError

from bmprov.deadline import Deadline
from bmprov.errors import BmcMismatch, BmcRefused, NoVirtualMedia
from bmprov.media import FILE
from bmprov.power import BmcLogin
from worker.drivers.bmc_lock import BmcLock
from worker.drivers.quirks import meaning_of
from worker.drivers.redfish_documents import Document, Documents
from worker.drivers.redfish_session import SessionMemory, readable, redfish_system
from worker.http_answer import printable

log = structlog.get_logger()

_PATIENCE_S = 10.0
_READ_AGAIN_S = 0.5
_INSERT, _EJECT = "VirtualMedia.InsertMedia", "VirtualMedia.EjectMedia"
_CDS = {"CD", "DVD"}
_MORE: tuple[dict[str, str], ...] = (
    {},
    {"TransferProtocolType": "HTTP"},
    {"TransferMethod": "Stream"},
    {"UserName": "none", "Password": "none"},
)
"""What goes with the address: first nothing, then each of these too, until one reads back."""


class RedfishMedia:
    """The virtual CD of one machine. `memory` is as `RedfishDriver` has it.

    `patience_s` is how long a BMC may take to show what it has accepted.
    """

    def __init__(
        self,
        login: BmcLogin,
        lock: BmcLock,
        memory: SessionMemory,
        *,
        patience_s: float = _PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._login = login
        self._lock = lock
        self._memory = memory
        self._patience_s = patience_s
        self._sleep = sleep

    def read(self, by: Deadline) -> str:
        """The name of what is in the drive."""
        with self._bmc(by) as bmc:
            return next((_name(drive) for drive in self._drives(bmc) if _is_full(drive)), "")

    def insert(self, url: str, by: Deadline) -> None:
        """Put the ramdisk's image into the drive, in the place of one of ours that is there."""
        with self._bmc(by) as bmc:
            bmc.keep_secret(_token(url))
            drives = self._drives(bmc)
            full = [drive for drive in drives if _is_full(drive)]
            if foreign := [drive for drive in full if not _is_ours(drive)]:
                raise BmcRefused(
                    f"BMC {self._login.address} has another image in its virtual CD ({_name(foreign[0])})",
                    "see who needs it and eject it there: bmprov takes nothing out that others have inserted",
                )
            for drive in full:
                if not _holds(drive, url):
                    self._take_out(bmc, drive, by)
            if not any(_holds(drive, url) for drive in full):
                self._put_in(bmc, drives[0], url, by)

    def eject(self, by: Deadline) -> None:
        """Take the ramdisk's image out."""
        with self._bmc(by) as bmc:
            for drive in self._drives(bmc):
                if _is_full(drive) and _is_ours(drive):
                    self._take_out(bmc, drive, by)

    def _drives(self, bmc: Documents) -> list[Document]:
        for place in (bmc.system, *bmc.linked("ManagedBy")):
            if drives := [one for one in bmc.members(place.get("VirtualMedia")) if _is_cd(one)]:
                return drives
        raise NoVirtualMedia(self._login.address)

    def _put_in(self, bmc: Documents, drive: Document, url: str, by: Deadline) -> None:
        body, said = {"Image": url}, "it accepts it, and it does not read back"
        for more in _MORE:
            body |= more
            try:
                if bmc.has(drive, _INSERT):
                    bmc.act(drive, _INSERT, "insert an image", body)
                else:
                    bmc.patch(drive, {**body, "Inserted": True, "WriteProtected": True})
                accepted = True
            except AccessError:
                raise
            except HTTPError as error:
                if meaning_of(error.extended_info) is not None:
                    raise
                accepted, said = False, readable(error)
            if self._reads_back(bmc, drive, lambda now: _has_taken(now, url), by, patiently=accepted):
                return
            log.info("image does not read back", bmc=self._login.address, sent=sorted(body), said=said)
        parts = urlsplit(url)
        raise BmcMismatch(
            f"BMC {self._login.address} did not insert the ramdisk's image ({said})",
            f"see whether it reaches {parts.scheme}://{parts.netloc}, and look at the log of `bmprov pxe http`",
        )

    def _take_out(self, bmc: Documents, drive: Document, by: Deadline) -> None:
        said = "it accepts that, and it still reads back"
        bmc.keep_secret(_token(str(drive.get("Image"))))
        try:
            if bmc.has(drive, _EJECT):
                bmc.act(drive, _EJECT, "eject an image", {})
            else:
                bmc.patch(drive, {"Image": None, "Inserted": False})
        except AccessError:
            raise
        except HTTPError as error:
            said = readable(error)
        if not self._reads_back(bmc, drive, lambda now: not _is_full(now), by, patiently=True):
            raise BmcMismatch(
                f"BMC {self._login.address} did not eject the ramdisk's image ({said})", "eject it there, or reset it"
            )

    def _reads_back(
        self, bmc: Documents, drive: Document, wanted: Callable[[Document], bool], by: Deadline, *, patiently: bool
    ) -> bool:
        patience = by.within(self._patience_s)
        while not (is_so := wanted(bmc.get(drive))):
            if not patiently or patience.remaining_s <= _READ_AGAIN_S:
                break
            self._sleep(_READ_AGAIN_S)
        return is_so

    @contextmanager
    def _bmc(self, by: Deadline) -> Iterator[Documents]:
        with self._lock.hold(self._login.address, by), redfish_system(self._login, self._memory, by) as system:
            yield Documents(system, self._login)


def _is_cd(drive: Document) -> bool:
    """Whether it is a drive for CDs; one that does not tell its kind counts."""
    kinds = drive.get("MediaTypes")
    return not isinstance(kinds, list) or not kinds or bool(_CDS.intersection(map(str, kinds)))


def _is_full(drive: Document) -> bool:
    """Whether something is inserted. Where that is not told, a name tells it."""
    inserted = drive.get("Inserted")
    return bool(drive.get("Image") or drive.get("ImageName")) if inserted is None else inserted is True


def _is_ours(drive: Document) -> bool:
    return any(_last(drive.get(key)) == FILE for key in ("Image", "ImageName"))


def _holds(drive: Document, url: str) -> bool:
    """Whether the image at this address is in. Where only names are told, it may be that of an earlier operation."""
    return _is_full(drive) and drive.get("Image") == url


def _has_taken(drive: Document, url: str) -> bool:
    """Whether the image at this address is in a drive that was empty before."""
    return _holds(drive, url) or (_is_full(drive) and not drive.get("Image") and _is_ours(drive))


def _name(drive: Document) -> str:
    """The image's name, without what leads there: an address may hold a user and a password."""
    return printable(_last(drive.get("Image")) or _last(drive.get("ImageName")) or "one that it does not name", 100)


def _token(url: str) -> str:
    """What is secret in an address of ours (`bmprov.media.image_url`)."""
    return url.rpartition("/")[0].rpartition("/")[2]


def _last(address: object) -> str:
    return urlsplit(address).path.rpartition("/")[2] if isinstance(address, str) else ""
