"""Whose certificate the Redfish driver trusts, and that TLS ends by the deadline too."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcRefused, BmcSilent, BmcUnreachable, BmcUntrusted, BmprovError
from bmprov.power import BmcLogin, Power, PowerAction
from tests.stopwatch import Stopwatch
from tests.worker.drivers.vendors.bmc import PASSWORD, USER, VendorBmc, vendor
from tests.worker.drivers.vendors.certificates import Signed, files, fingerprint, signed
from tests.worker.drivers.vendors.faults import FAULTS
from tests.worker.drivers.vendors.server import running
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.redfish import RedfishDriver
from worker.drivers.redfish_session import LocalSessions

TIME_S, GRACE_S = 0.5, 0.5


@pytest.fixture(scope="module")
def house_ca() -> Signed:
    return signed("house CA")


@pytest.fixture(scope="module")
def own() -> Signed:
    return signed("iDRACdefault0123456789AB")


@contextmanager
def behind(pair: Signed, folder: Path) -> Iterator[VendorBmc]:
    """A BMC with this certificate."""
    with running(VendorBmc(vendor("idrac9"), power="On"), files(pair, folder)) as bmc:
        yield bmc


def driver(bmc: VendorBmc, trust: str) -> RedfishDriver:
    return RedfishDriver(bmc.login(trust=trust), LocalBmcLock(), LocalSessions(), patience_s=0.5)


def ca_file(pair: Signed, folder: Path) -> str:
    return str(files(pair, folder)[0])


def test_a_pinned_certificate_is_trusted(own: Signed, tmp_path: Path) -> None:
    """Self-signed, for another name, and nobody's CA: its fingerprint is enough, for each kind of request."""
    with behind(own, tmp_path) as bmc:
        trusting = driver(bmc, f"sha256:{fingerprint(own)}")
        assert trusting.read(Deadline.after(5)) is Power.ON
        assert trusting.switch(PowerAction.CYCLE, Deadline.after(5)) is Power.ON


def test_a_pinned_certificate_may_expire(tmp_path: Path) -> None:
    """BMCs outlive their certificates: who has pinned one has looked at it."""
    expired = signed("old", expired=True)
    with behind(expired, tmp_path) as bmc:
        assert driver(bmc, f"sha256:{fingerprint(expired)}").read(Deadline.after(5)) is Power.ON


def test_another_fingerprint_is_told_and_nothing_is_sent(own: Signed, tmp_path: Path) -> None:
    """The error has the fingerprint that was found, and the password has not gone there."""
    with behind(own, tmp_path) as bmc:
        with pytest.raises(BmcUntrusted, match=fingerprint(own)) as caught:
            driver(bmc, f"sha256:{'0' * 64}").read(Deadline.after(5))
        assert caught.value.found == fingerprint(own)
        assert bmc.requests == []


def test_a_ca_file_is_trusted(house_ca: Signed, tmp_path: Path) -> None:
    """A house with its own CA names its file once; the certificate must be for the address then, and in date."""
    trust = ca_file(house_ca, tmp_path / "ca")
    with behind(signed("bmc", house_ca), tmp_path / "bmc") as bmc:
        assert driver(bmc, trust).read(Deadline.after(5)) is Power.ON
    for wrong in (signed("bmc", house_ca, expired=True), signed("bmc", signed("other CA"))):
        with behind(wrong, tmp_path / "bmc") as bmc:
            with pytest.raises(BmcUntrusted) as caught:
                driver(bmc, trust).read(Deadline.after(5))
            assert caught.value.found == fingerprint(wrong)
            assert bmc.requests == []


def test_without_trust_the_fingerprint_to_enrol_is_told(own: Signed, tmp_path: Path) -> None:
    """Who enrols a BMC without a word on trust is shown what to compare and pin."""
    with behind(own, tmp_path) as bmc, pytest.raises(BmcUntrusted, match="enrol it with that fingerprint") as caught:
        driver(bmc, "").read(Deadline.after(5))
    assert caught.value.found == fingerprint(own)


def test_plain_http_behind_a_tls_address_is_told() -> None:
    """It is no question of trust: the words say how such a BMC is enrolled."""
    with running(VendorBmc(vendor("idrac9"))) as bmc:
        login = BmcLogin(f"redfish://127.0.0.1:{bmc.port}", USER, PASSWORD, trust=f"sha256:{'0' * 64}")
        with pytest.raises(BmcRefused, match=r"does not speak TLS as we do .*redfish\+http://"):
            RedfishDriver(login, LocalBmcLock(), LocalSessions()).read(Deadline.after(5))


def test_tls_behind_a_plain_address_is_told(own: Signed, tmp_path: Path) -> None:
    """The other way round it ends in one of our errors as well."""
    with behind(own, tmp_path) as bmc:
        login = BmcLogin(f"redfish+http://127.0.0.1:{bmc.port}", USER, PASSWORD)
        with pytest.raises(BmcUnreachable):
            RedfishDriver(login, LocalBmcLock(), LocalSessions()).read(Deadline.after(5))


@pytest.mark.parametrize("fault", ["silence", "a byte now and then in the headers", "a byte now and then in the body"])
def test_a_slow_bmc_behind_tls_ends_by_the_deadline(own: Signed, tmp_path: Path, fault: str) -> None:
    """What holds for plain connections holds inside TLS."""
    with behind(own, tmp_path) as bmc:
        slow = driver(bmc, f"sha256:{fingerprint(own)}")
        slow.read(Deadline.after(5))
        bmc.fault = FAULTS[fault]
        watch = Stopwatch()
        with pytest.raises(BmcSilent):
            slow.read(Deadline.after(TIME_S))
        assert watch.took_s() < TIME_S + GRACE_S


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x03\x7f\xff"], ids=["silent", "a byte now and then"])
def test_a_handshake_that_does_not_end_ends_by_the_deadline(first: bytes) -> None:
    """A BMC that takes the connection and then says nothing, or a byte now and then of a record that is long."""
    stop = threading.Event()

    def serve(listener: socket.socket) -> None:
        with listener.accept()[0] as connection:
            for index in range(1000):
                if first:
                    connection.sendall(first[index : index + 1] or b"x")
                if stop.wait(0.05):
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        login = BmcLogin(f"redfish://127.0.0.1:{listener.getsockname()[1]}", USER, PASSWORD, trust=f"sha256:{'0' * 64}")
        watch = Stopwatch()
        with pytest.raises(BmprovError):
            RedfishDriver(login, LocalBmcLock(), LocalSessions()).read(Deadline.after(TIME_S))
        assert watch.took_s() < TIME_S + GRACE_S
        stop.set()
        thread.join()
