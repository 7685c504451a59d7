"""The service's certificate, when an operator brings none: self-signed, ECDSA P-256, made once (RFC 5280).

A client checks it against the file itself (it is its own CA file) or by its SHA-256 fingerprint, so nothing is trusted
that was not handed over. A certificate that is there already is used as it is, and never replaced.
"""

import os
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bmprov.errors import Fatal

_YEARS = 10
_CLOCK_SKEW = timedelta(days=1)
_ANY = frozenset({"", "0.0.0.0", "::"})


def ensure(certificate: Path, key: Path, names: Iterable[str]) -> None:
    """Make the two files unless both exist. `names` are host names and addresses that clients will connect to.

    Raises:
        Fatal: one of the two is missing, or they cannot be written.
    """
    if certificate.exists() and key.exists():
        return
    if certificate.exists() or key.exists():
        there, missing = (certificate, key) if certificate.exists() else (key, certificate)
        raise Fatal(
            f"{there} exists and {missing} does not", "restore the missing one, or remove both to make new ones"
        )
    private = ec.generate_private_key(ec.SECP256R1())
    try:
        _write(key, _pem(private), 0o600)
        _write(certificate, _self_signed(private, list(names)), 0o644)
    except OSError as error:
        raise Fatal(f"the certificate cannot be written ({error})", "check the folder and its owner") from error


def fingerprint(certificate: Path) -> str:
    """The SHA-256 fingerprint of a certificate file: 64 hexadecimal digits in lower case, without colons.

    Raises:
        Fatal: the file cannot be read or holds no certificate.
    """
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()
    except (OSError, ValueError) as error:
        raise Fatal(f"{certificate} is no certificate ({error})", "it must be a PEM file") from error


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a server speaks: TLS 1.2 and newer, with this certificate.

    Raises:
        Fatal: the certificate and the key are not usable, or not a pair.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise Fatal(f"{certificate} and {key} are not usable ({error})", "they must be a pair, in PEM") from error
    return context


def names_of(listen: str) -> list[str]:
    """The names and addresses under which a service that listens on `listen` is likely to be called."""
    host = socket.gethostname()
    names = {"localhost", "127.0.0.1", "::1", host, socket.getfqdn()}
    return sorted(names | (_addresses(host) if listen in _ANY else {listen}))


def _addresses(host: str) -> set[str]:
    try:
        return {str(found[4][0]).partition("%")[0] for found in socket.getaddrinfo(host, None)}
    except OSError:
        return set()  # a host that cannot resolve its own name is still called by its loopback addresses


def _self_signed(private: ec.EllipticCurvePrivateKey, names: list[str]) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bmprov")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=365 * _YEARS))
    )
    for extension, critical in _extensions(private.public_key(), names):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _extensions(public: ec.EllipticCurvePublicKey, names: list[str]) -> list[tuple[x509.ExtensionType, bool]]:
    """What a strict client (Python 3.13's VERIFY_X509_STRICT) asks of a certificate that is its own issuer."""
    return [
        (x509.SubjectAlternativeName([_general_name(name) for name in names]), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_digital_signature_only(), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False),
    ]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _digital_signature_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a new file with its final mode from the start, so that a key is never readable by others for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
