"""The private SSH key of a login, as paramiko wants it. A key that cannot be read is never shown, not even in part."""

import io

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from bmprov.errors import SwitchRefused
from bmprov.switch import SwitchLogin

_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)  # TypeError: it has a passphrase


def private_key(login: SwitchLogin) -> paramiko.PKey | None:
    """The key; None for a login without one.

    Raises:
        SwitchRefused: it is none, or of a kind that SSH does not have.
    """
    if not login.key:
        return None
    try:
        found = _loaded(login.key.encode())
    except _UNREADABLE:
        raise _unusable(login) from None
    shape = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    match found:
        case ed25519.Ed25519PrivateKey():
            return paramiko.Ed25519Key.from_private_key(io.StringIO(found.private_bytes(*shape).decode()))
        case ec.EllipticCurvePrivateKey():
            return paramiko.ECDSAKey.from_private_key(io.StringIO(found.private_bytes(*shape).decode()))
        case rsa.RSAPrivateKey():
            return paramiko.RSAKey.from_private_key(io.StringIO(found.private_bytes(*shape).decode()))
    raise _unusable(login)


def secrets_of(login: SwitchLogin) -> str:
    """What the switch may have refused, in words."""
    if not login.key:
        return "its password"
    return "its key and its password" if login.password else "its key"


def _loaded(text: bytes) -> object:
    try:
        return serialization.load_ssh_private_key(text, None)
    except ValueError:
        return serialization.load_pem_private_key(text, None)


def _unusable(login: SwitchLogin) -> SwitchRefused:
    return SwitchRefused(
        f"the private key for switch {login.address} cannot be used; nothing was sent",
        "tell an Ed25519, ECDSA or RSA key without a passphrase, as `ssh-keygen` writes it",
    )
