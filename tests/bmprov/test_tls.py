"""The generated certificate, judged by real TLS handshakes."""

import hashlib
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest

from bmprov import tls
from bmprov.errors import Fatal


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = tmp_path / "tls" / "api.pem", tmp_path / "tls" / "api.key"
    tls.ensure(certificate, key, ["localhost", "bm.example", "127.0.0.1", "::1"])
    return certificate, key


def handshake(pair: tuple[Path, Path], name: str) -> bytes:
    """Connect to a TLS server that shows the certificate, by this name, trusting the certificate's file alone."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*pair)
    client = ssl.create_default_context(cafile=str(pair[0]))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    near, far = socket.socketpair()

    def answer() -> None:
        try:
            server.wrap_socket(far, server_side=True).close()
        except OSError:
            far.close()  # the client went away: what it saw is what the test looks at

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with client.wrap_socket(near, server_hostname=name) as connection:
            return connection.getpeercert(binary_form=True) or b""
    finally:
        near.close()
        thread.join()


@pytest.mark.parametrize("name", ["localhost", "bm.example", "127.0.0.1", "::1"])
def test_a_strict_client_accepts_every_name_of_the_certificate(pair: tuple[Path, Path], name: str) -> None:
    """The certificate's own file is all that a client needs, by host name and by address, IPv6 too."""
    assert hashlib.sha256(handshake(pair, name)).hexdigest() == tls.fingerprint(pair[0])


def test_another_name_is_refused(pair: tuple[Path, Path]) -> None:
    """A client that was sent elsewhere notices."""
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(pair, "other.example")


def test_the_key_is_for_its_owner_alone(pair: tuple[Path, Path]) -> None:
    """Nobody else may read the private key."""
    assert stat.S_IMODE(pair[1].stat().st_mode) == 0o600


def test_an_existing_pair_is_kept(pair: tuple[Path, Path]) -> None:
    """An operator's certificate, and the fingerprint that clients have pinned, survive every start."""
    before = [path.read_bytes() for path in pair]
    tls.ensure(*pair, ["elsewhere.example"])
    assert [path.read_bytes() for path in pair] == before


@pytest.mark.parametrize("lost", [0, 1])
def test_half_a_pair_is_refused(pair: tuple[Path, Path], lost: int) -> None:
    """A lost key is not papered over with a new certificate that no client trusts."""
    pair[lost].unlink()
    with pytest.raises(Fatal, match=pair[lost].name):
        tls.ensure(*pair, ["localhost"])


def test_what_is_no_certificate_has_no_fingerprint(tmp_path: Path) -> None:
    """The error names the file."""
    (tmp_path / "api.pem").write_text("hello")
    with pytest.raises(Fatal, match=r"api\.pem"):
        tls.fingerprint(tmp_path / "api.pem")


@pytest.mark.parametrize("listen", ["0.0.0.0", "10.1.2.3"])
def test_names_cover_loopback_the_host_and_the_address(listen: str) -> None:
    """A client on the host itself, and one that uses its name or its address, find theirs in the certificate."""
    names = tls.names_of(listen)
    assert {"localhost", "127.0.0.1", socket.gethostname()} <= set(names)
    assert ("10.1.2.3" in names) == (listen == "10.1.2.3")
