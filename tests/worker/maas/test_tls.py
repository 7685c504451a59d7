"""Whose certificate is trusted, and that TLS ends by the deadline too."""

import socket
import threading
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError
from tests.stopwatch import Stopwatch
from tests.worker.drivers.vendors.certificates import Signed, files, fingerprint, signed
from tests.worker.maas.odd_region import KEY, Handler, odd_region, says
from worker.maas.call import Call
from worker.maas.errors import MaasUnreachable, MaasUntrusted
from worker.maas.wire import RegionLogin, Wire

FINE = says(200, b"[]")
LIST = Call("GET", "machines/")


@pytest.fixture(scope="module")
def own() -> Signed:
    return signed("region")


def test_a_pinned_certificate_is_trusted(own: Signed, tmp_path: Path, by: Deadline) -> None:
    """Self-signed, and for another name."""
    with odd_region(FINE, files(own, tmp_path)) as odd:
        wire = odd.wire(f"sha256:{fingerprint(own)}")
        assert wire.call(LIST, by) == []
        assert wire.call(Call("POST", "machines/", "allocate"), by) == []
        assert odd.connections == 1


def test_a_ca_file_is_trusted(tmp_path: Path, by: Deadline) -> None:
    """For certificates that it has signed, and that are in date."""
    ca = signed("house CA")
    trust = str(files(ca, tmp_path / "ca")[0])
    with odd_region(FINE, files(signed("region", ca), tmp_path / "region")) as odd:
        assert odd.wire(trust).call(LIST, by) == []
    old = signed("region", ca, expired=True)
    with odd_region(FINE, files(old, tmp_path / "old")) as odd, pytest.raises(MaasUntrusted) as caught:
        odd.wire(trust).call(LIST, by)
    assert caught.value.found == fingerprint(old)


@pytest.mark.parametrize("trust", ["", f"sha256:{'0' * 64}"])
def test_another_certificate_is_told_and_nothing_is_sent(own: Signed, tmp_path: Path, trust: str, by: Deadline) -> None:
    """The error has the fingerprint that was found, and the key has not gone there."""
    with odd_region(FINE, files(own, tmp_path)) as odd:
        with pytest.raises(MaasUntrusted, match="give it with `bmprov maas set`") as caught:
            odd.wire(trust).call(LIST, by)
        assert caught.value.found == fingerprint(own)
        assert fingerprint(own) in caught.value.why
        assert odd.requests == []


def test_plain_http_behind_a_tls_address(by: Deadline) -> None:
    """It is no question of trust."""
    with odd_region(FINE) as odd, pytest.raises(MaasUntrusted, match=r"does not speak TLS as we do .* http:// in its"):
        Wire(RegionLogin("lab", odd.url.replace("http:", "https:"), KEY)).call(LIST, by)


def test_tls_behind_a_plain_address(own: Signed, tmp_path: Path, by: Deadline) -> None:
    """The other way round it ends in one of our errors as well."""
    with odd_region(FINE, files(own, tmp_path)) as odd, pytest.raises(BmprovError, match="MAAS region 'lab'"):
        Wire(RegionLogin("lab", odd.url.replace("https:", "http:"), KEY)).call(LIST, by)


def test_a_slow_region_behind_tls_ends_by_the_deadline(own: Signed, tmp_path: Path, by: Deadline) -> None:
    """What holds for plain connections holds inside TLS, over a connection that was good before."""

    def act(handler: Handler) -> None:
        handler.say(200, b"", Content_Length="5000")
        handler.dribble(b"[" * 1000)

    with odd_region(FINE, files(own, tmp_path)) as odd:
        wire = odd.wire(f"sha256:{fingerprint(own)}")
        wire.call(LIST, by)
        odd.act = act
        watch = Stopwatch()
        with pytest.raises(MaasUnreachable):
            wire.call(LIST, Deadline.after(0.4))
        assert watch.took_s() < 1.4


def test_a_handshake_that_is_broken_off(by: Deadline) -> None:
    """A proxy whose region is not up yet: tried twice, and again later."""

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            with listener.accept()[0] as connection:
                connection.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        login = RegionLogin("lab", f"https://127.0.0.1:{listener.getsockname()[1]}/MAAS", KEY, f"sha256:{'0' * 64}")
        with pytest.raises(MaasUnreachable, match="broke off the TLS handshake"):
            Wire(login).call(LIST, by)
        thread.join()
