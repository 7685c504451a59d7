"""What every driver of virtual media must do, on our simulated BMC and on sushy-tools', which fetches the image."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcMismatch, BmcRefused, NoVirtualMedia
from bmprov.media import FILE, image_url
from bmprov.power import BmcLogin
from tests.contract import redfish_bmcs
from tests.contract.bmcs import Machine
from tests.contract.redfish_bmcs import RedfishBmcs, SimulatedRedfish
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.redfish_media import RedfishMedia
from worker.drivers.redfish_session import LocalSessions

BMCS = {
    "simulated": redfish_bmcs.simulated_redfish,
    "sushy-tools over libvirt": redfish_bmcs.sushy_emulator,
    "sushy-tools, fake": redfish_bmcs.sushy_fake,
}
TOKENS = ("0123.first", "4567.second")
OTHERS = "rescue.iso"


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    """A server with the images of two operations, and one that is not ours."""
    files = tmp_path / "served"
    for name in (*(image_url("", token).lstrip("/") for token in TOKENS), OTHERS):
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_bytes(name.encode())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(files)))
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=BMCS)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    with BMCS[request.param](tmp_path) as machine:
        yield machine


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[RedfishBmcs]:
    with redfish_bmcs.redfish_bmcs(tmp_path) as hall:
        yield hall


def media_of(login: BmcLogin) -> RedfishMedia:
    return RedfishMedia(login, LocalBmcLock(), LocalSessions(), patience_s=1.0)


def soon() -> Deadline:
    return Deadline.after(20)


def test_an_image_is_inserted_and_ejected_as_often_as_one_likes(machine: Machine, base: str) -> None:
    """Each may be done twice; another operation's image takes the place of the first."""
    media, first, second = media_of(machine.login), *(image_url(base, token) for token in TOKENS)
    media.eject(soon())
    assert media.read(soon()) == ""
    for url in (first, first, second):
        media.insert(url, soon())
        assert media.read(soon()) == FILE
    for _ in range(2):
        media.eject(soon())
        assert media.read(soon()) == ""


def test_what_others_have_inserted_stays(hall: RedfishBmcs) -> None:
    """It is named, without what leads there; neither an insertion nor an ejection takes it out."""
    machine = hall.start_redfish()
    machine.chassis.drive.image = "http://user:secret@10.1.0.9/secret/rescue.iso"
    media = media_of(machine.login)
    with pytest.raises(BmcRefused) as caught:
        media.insert(image_url("http://10.1.0.1", TOKENS[0]), soon())
    assert OTHERS in str(caught.value)
    assert "secret" not in str(caught.value)
    media.eject(soon())
    assert media.read(soon()) == OTHERS


def test_a_bmc_without_virtual_media_says_so(hall: RedfishBmcs) -> None:
    """And what to do about it."""
    machine = hall.start_redfish()
    machine.faults.no_media = True
    for act in (media_of(machine.login).read, media_of(machine.login).eject):
        with pytest.raises(NoVirtualMedia, match="--boot-from network"):
            act(soon())


@pytest.mark.parametrize("fault", ["refuses_media", "drops_media"])
def test_a_bmc_that_does_not_take_it(hall: RedfishBmcs, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """It may take it later. What it says is told, and of the address the host alone; the token is not."""
    machine = hall.start_redfish()
    setattr(machine.faults, fault, True)
    with pytest.raises(BmcMismatch, match=r"see whether it reaches http://10\.1\.0\.1") as caught:
        media_of(machine.login).insert(image_url("http://10.1.0.1", TOKENS[0]), soon())
    assert TOKENS[0] not in str(caught.value) + caplog.text
    setattr(machine.faults, fault, False)
    media_of(machine.login).insert(image_url("http://10.1.0.1", TOKENS[0]), soon())
    assert inserted(machine) == image_url("http://10.1.0.1", TOKENS[0])


def inserted(machine: SimulatedRedfish) -> str:
    return machine.chassis.drive.image
