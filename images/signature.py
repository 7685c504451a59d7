"""OpenPGP signatures, verified with gpgv against one keyring, in a home of their own.

A key file may be binary or armoured (RFC 9580, 6.2); gpgv reads binary ones alone. The keys of the user who calls are
not looked at, and nothing is fetched.
"""

import base64
import binascii
import re
import tempfile
from pathlib import Path

from bmprov.errors import Invalid
from images.bounded import Bounds, run
from images.checksums import Mismatch

_ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*[ \t]*\r?\n"
    rb"([A-Za-z0-9+/=\s]*?)(?:\r?\n=[A-Za-z0-9+/]{4}\s*)?-----END PGP PUBLIC KEY BLOCK-----"
)
_CLEARSIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"
_LARGEST_TEXT_BYTES = 2**20
_BOUNDS = Bounds(file_bytes=2 * _LARGEST_TEXT_BYTES, memory_bytes=2**29, cpu_s=600, wall_s=900.0)
_BAD = ("BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "NODATA")


def is_clearsigned(content: bytes) -> bool:
    """Whether a text carries its signature in itself (RFC 9580, 7)."""
    return content.lstrip().startswith(_CLEARSIGNED)


def verify(key: bytes, signature: bytes, signed: Path) -> str:
    """The fingerprint of the key in `key` that made a detached signature of the file `signed`.

    Raises:
        Invalid: none did, or the key has expired or been revoked; `Mismatch` when it signed other bytes.
        Fatal: gpgv is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="bmprov-gpgv-") as home:
        (Path(home) / "signature").write_bytes(signature)
        return _gpgv(Path(home), key, [f"{home}/signature", str(signed.resolve())])


def verify_bytes(key: bytes, signature: bytes, content: bytes) -> str:
    """The same for a small text.

    Raises: as `verify`.
    """
    with tempfile.TemporaryDirectory(prefix="bmprov-gpgv-") as home:
        (Path(home) / "content").write_bytes(content)
        return verify(key, signature, Path(home) / "content")


def verified_text(key: bytes, content: bytes) -> tuple[bytes, str]:
    """What a clearsigned text says, without anything that is not signed, and the fingerprint of its key.

    Raises: as `verify`.
    """
    with tempfile.TemporaryDirectory(prefix="bmprov-gpgv-") as home:
        (Path(home) / "text").write_bytes(content)
        fingerprint = _gpgv(Path(home), key, ["--output", f"{home}/plain", f"{home}/text"])
        return (Path(home) / "plain").read_bytes(), fingerprint


def _gpgv(home: Path, key: bytes, arguments: list[str]) -> str:
    (home / "keyring").write_bytes(_binary(key))
    options = ["--homedir", str(home), "--keyring", str(home / "keyring"), "--status-fd", "1"]
    told = run("gpgv", "gpgv", [*options, *arguments], _BOUNDS)
    status = [line.split()[1:] for line in told.out.splitlines() if line.startswith("[GNUPG:] ")]
    words = {line[0] for line in status if line}
    good = [line[1] for line in status if line[:1] == ["VALIDSIG"]]
    if told.code or not good or words.intersection(_BAD):
        kind = Mismatch if "BADSIG" in words else Invalid
        raise kind(f"the signature does not verify ({told.complaint})", "look at the key file, and who signed")
    return good[0]


def _binary(key: bytes) -> bytes:
    """Key material as gpgv reads it: the blocks of an armoured file, one after the other."""
    if b"-----BEGIN PGP" not in key:
        return key
    blocks = [found[1] for found in _ARMOUR.finditer(key)]
    if not blocks:
        raise Invalid("the key file holds no public key", "it begins with BEGIN PGP PUBLIC KEY BLOCK, or it is binary")
    try:
        return b"".join(base64.b64decode(b"".join(block.split())) for block in blocks)
    except binascii.Error as error:
        raise Invalid(f"the key file is damaged ({error})", "export it again: gpg --export --armor") from error
