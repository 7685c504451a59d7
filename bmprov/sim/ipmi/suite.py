"""Cipher suites 3 and 17: which algorithms they name, and what those do.

IPMI 2.0, sections 13.28 to 13.32 and table 22-19. HMAC with SHA-1 or SHA-256, AES-CBC-128. Suites without encryption
are refused, as a BMC should.
"""

import hmac
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from bmprov.sim.ipmi.rmcp import Malformed

_BLOCK = 16


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite: its number, its algorithms' numbers, the hash, and the length of an integrity code in bytes."""

    number: int
    authentication: int
    integrity: int
    confidentiality: int
    digest: str
    code_bytes: int

    @property
    def algorithms(self) -> tuple[int, int, int]:
        """The numbers of its algorithms for authentication, integrity and confidentiality."""
        return self.authentication, self.integrity, self.confidentiality

    @property
    def record(self) -> bytes:
        """Its cipher suite record (IPMI 2.0, table 22-18)."""
        return bytes([0xC0, self.number, self.authentication, 0x40 | self.integrity, 0x80 | self.confidentiality])

    def mac(self, key: bytes, message: bytes) -> bytes:
        """The whole keyed hash."""
        return hmac.digest(key, message, self.digest)

    def code(self, key: bytes, message: bytes) -> bytes:
        """The keyed hash, cut to the length of an integrity code."""
        return self.mac(key, message)[: self.code_bytes]


SUITE_3 = Suite(3, 1, 1, 1, "sha1", 12)
SUITE_17 = Suite(17, 3, 4, 1, "sha256", 16)
SUITES = {suite.number: suite for suite in (SUITE_3, SUITE_17)}


def encrypt(key: bytes, plain: bytes) -> bytes:
    """AES-CBC-128 with its initialization vector in front (IPMI 2.0, section 13.29)."""
    pad = -(len(plain) + 1) % _BLOCK
    vector = secrets.token_bytes(_BLOCK)
    encryptor = Cipher(AES(key[:_BLOCK]), CBC(vector)).encryptor()
    return vector + encryptor.update(plain + bytes(range(1, pad + 1)) + bytes([pad])) + encryptor.finalize()


def decrypt(key: bytes, payload: bytes) -> bytes:
    """Undo `encrypt`.

    Raises:
        Malformed: not whole blocks, or the padding is impossible.
    """
    if len(payload) < 2 * _BLOCK or len(payload) % _BLOCK:
        raise Malformed("not whole AES blocks")
    decryptor = Cipher(AES(key[:_BLOCK]), CBC(payload[:_BLOCK])).decryptor()
    plain = decryptor.update(payload[_BLOCK:]) + decryptor.finalize()
    if plain[-1] >= len(plain):
        raise Malformed("impossible padding")
    return plain[: len(plain) - plain[-1] - 1]
