"""Virtual media of several makes: what an insertion must say and may not say, and where and when it reads back.

What they differ in is what sushy 5.14 handles one by one (sushy/resources/manager/virtual_media.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcMismatch, BmcRefused, NoVirtualMedia
from bmprov.media import FILE, image_url
from tests.worker.drivers.vendors.bmc import Answer, Document, VendorBmc, vendor
from tests.worker.drivers.vendors.server import running
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.redfish_media import RedfishMedia
from worker.drivers.redfish_session import LocalSessions

MANAGER = "/redfish/v1/Managers/1"
MEDIA = f"{MANAGER}/VirtualMedia"
URL, NEXT = (image_url("http://10.1.0.1:8080", token) for token in ("0123.first", "4567.second"))


@dataclass(frozen=True)
class Make:
    """How one make's virtual media are. `wants` must be among the parameters, `refuses` may not be."""

    wants: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    action: bool = True
    complains: bool = False
    """Does it, and answers 400."""
    later: int = 0
    """Accepts with 202, and shows it after so many readings."""
    names_only: bool = False
    """Tells the image's name and not its address."""


MAKES = {
    "plain": Make(),
    "Supermicro X11": Make(refuses=frozenset({"Inserted", "WriteProtected"})),
    "Cisco": Make(wants=frozenset({"TransferProtocolType"})),
    "with a method": Make(wants=frozenset({"TransferProtocolType", "TransferMethod"})),
    "NVIDIA DGX": Make(wants=frozenset({"UserName", "Password"})),
    "Lenovo SD530": Make(action=False, wants=frozenset({"Inserted"})),
    "that complains": Make(complains=True),
    "that takes its time": Make(later=2),
    "that only names it": Make(names_only=True),
}


@dataclass
class MediaBmc(VendorBmc):
    """A BMC with a floppy drive and a CD drive below its manager."""

    make: Make = field(default_factory=Make)
    image: str = ""
    shown: str = ""
    left: int = 0
    posts: int = 0
    stuck: bool = False
    """Refuses to eject, and repeats what is in."""

    def _inside(self, method: str, path: str, headers: dict[str, str], body: Document) -> Answer:
        if path == MANAGER:
            return 200, {"@odata.id": MANAGER, "VirtualMedia": {"@odata.id": MEDIA}}, {}
        if path == MEDIA:
            return 200, {"Members": [{"@odata.id": f"{MEDIA}/1"}, {"@odata.id": f"{MEDIA}/2"}]}, {}
        if path == f"{MEDIA}/1":
            return 200, {"@odata.id": path, "MediaTypes": ["Floppy", "USBStick"], "Inserted": True, "Image": "x"}, {}
        if path.startswith(f"{MEDIA}/2"):
            return self._cd() if method == "GET" else self._changed(path, body)
        return super()._inside(method, path, headers, body)

    def _cd(self) -> Answer:
        self.left -= 1
        if self.left < 0:
            self.shown = self.image
        told: dict[str, Any] = {"@odata.id": f"{MEDIA}/2", "MediaTypes": ["CD", "DVD"], "Inserted": bool(self.shown)}
        told["ImageName"] = self.shown.rpartition("/")[2] or None
        if not self.make.names_only:
            told["Image"] = self.shown or None
        if self.make.action:
            names = ("InsertMedia", "EjectMedia")
            told["Actions"] = {f"#VirtualMedia.{name}": {"target": f"{MEDIA}/2/{name}"} for name in names}
        return 200, told, {}

    def _changed(self, path: str, body: Document) -> Answer:
        self.posts += 1
        new = "" if path.endswith("EjectMedia") else str(body.get("Image") or "")
        if not new and self.stuck:
            return 400, {"error": {"@Message.ExtendedInfo": [{"Message": f"no: {self.image}"}]}}, {}
        if new and (self.make.wants - body.keys() or self.make.refuses & body.keys()):
            return 400, {"error": {"@Message.ExtendedInfo": [{"Message": f"no: {body}"}]}}, {}
        self.image, self.left = new, self.make.later
        return (400 if self.make.complains else 202 if self.make.later else 204), None, {}


@contextmanager
def behind(make: Make, **known: object) -> Iterator[tuple[MediaBmc, RedfishMedia]]:
    told = vendor("ilo5")
    system = {**told["system"], "Links": {"ManagedBy": [{"@odata.id": MANAGER}]}, **known}
    with running(MediaBmc({**told, "system": system}, make=make)) as bmc:
        assert isinstance(bmc, MediaBmc)
        yield bmc, RedfishMedia(bmc.login(), LocalBmcLock(), LocalSessions(), patience_s=0.8, sleep=lambda _: None)


def soon() -> Deadline:
    return Deadline.after(10)


@pytest.mark.parametrize("name", MAKES)
def test_each_make_is_filled_and_emptied(name: str) -> None:
    """Twice with the same image, once with another; and the floppy drive is left alone."""
    with behind(MAKES[name]) as (bmc, media):
        for url in (URL, URL, NEXT):
            media.insert(url, soon())
            assert (bmc.image, media.read(soon())) == (url, FILE)
        for _ in range(2):
            media.eject(soon())
            assert (bmc.image, media.read(soon())) == ("", "")


def test_what_is_in_is_not_inserted_again() -> None:
    """Nor is what is out ejected."""
    with behind(Make()) as (bmc, media):
        media.eject(soon())
        media.insert(URL, soon())
        media.insert(URL, soon())
        assert bmc.posts == 1


def test_a_bmc_that_refuses_it_all_is_told_without_the_token() -> None:
    """Whatever it repeats of what was sent."""
    with behind(replace(Make(), wants=frozenset({"a miracle"}))) as (bmc, media):
        with pytest.raises(BmcMismatch, match="did not insert") as caught:
            media.insert(URL, soon())
        assert "no: {" in str(caught.value)
        assert "0123.first" not in str(caught.value)
        assert bmc.image == ""


def test_a_cd_that_does_not_come_out_is_told_without_the_token() -> None:
    """The next insertion and the ejection want it out."""
    with behind(Make()) as (bmc, media):
        media.insert(URL, soon())
        bmc.stuck = True
        for act in (lambda: media.eject(soon()), lambda: media.insert(NEXT, soon())):
            with pytest.raises(BmcMismatch, match="did not eject") as caught:
                act()
            assert f"no: http://10.1.0.1:8080/media/v1/***/{FILE}" in str(caught.value)
        assert bmc.image == URL


def test_another_s_image_is_named_and_stays() -> None:
    """Also where the BMC does not tell its name."""
    with behind(Make()) as (bmc, media):
        for image, name in (("cifs://user:secret@nas/share/win.iso", "win.iso"), ("cifs://nas/", "does not name")):
            bmc.image = image
            with pytest.raises(BmcRefused, match=name) as caught:
                media.insert(URL, soon())
            assert "secret" not in str(caught.value)
            media.eject(soon())
            assert bmc.image == image


def test_drives_below_the_system_come_first() -> None:
    """Where newer BMCs have them, even if the manager tells of the old ones too."""
    floppy = {"@odata.id": f"{MEDIA}/1"}
    with behind(Make(), VirtualMedia={"@odata.id": MEDIA}, Links={}) as (bmc, media):
        media.insert(URL, soon())
        assert bmc.image == URL
    with behind(Make(), VirtualMedia=floppy, Links={}) as (_, media), pytest.raises(NoVirtualMedia):
        media.insert(URL, soon())
