"""Certificates as BMCs have them: self-signed, of a house's own CA, expired."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Signed = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def signed(name: str, by: Signed | None = None, *, expired: bool = False) -> Signed:
    """A certificate for 127.0.0.1, self-signed unless a CA signs it, and the key to it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    end = datetime.now(UTC) + timedelta(days=-1 if expired else 1)
    issuer, signer = (by[0].subject, by[1]) if by else (subject, key)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=30))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return certificate, key


def files(pair: Signed, folder: Path) -> tuple[Path, Path]:
    """The certificate and its key as PEM files."""
    folder.mkdir(exist_ok=True)
    (folder / "certificate.pem").write_bytes(pair[0].public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = pair[1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(pem)
    return folder / "certificate.pem", folder / "key.pem"


def fingerprint(pair: Signed) -> str:
    """SHA-256, 64 hexadecimal digits."""
    return pair[0].fingerprint(hashes.SHA256()).hex()
