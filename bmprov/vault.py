"""Secrets at rest: encrypted with a key from a file, opened only where they are used.

AES-128-CBC with HMAC-SHA256 (Fernet, from `cryptography`). The file holds one key a line: the first encrypts, all
decrypt, so a key is changed by putting a new line on top. Also the home of operation tokens, which are made from the
same key.
"""

import hashlib
import hmac
import os
import zlib
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bmprov.errors import Fatal

_UUID_DIGITS = 32


class Vault:
    """Seals and opens secrets, and makes and knows the tokens of operations."""

    def __init__(self, keys: list[bytes]) -> None:
        if not keys:
            raise ValueError("there is no key")
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._signing = [hashlib.sha256(b"bmprov operation token" + key).digest() for key in keys]

    @classmethod
    def from_file(cls, path: Path) -> "Vault":
        """The vault whose keys stand in `path`.

        Raises:
            Fatal: the file cannot be read or holds no valid key.
        """
        try:
            return cls(path.read_bytes().split())
        except (OSError, ValueError) as error:
            raise Fatal(
                f"the key file {path} is not usable ({error})", "restore it, or make one with `bmprov init`"
            ) from error

    @staticmethod
    def create_file(path: Path) -> None:
        """Make `path` with a new key, readable by its owner alone; keep it when it exists."""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with os.fdopen(handle, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")

    def seal(self, secret: bytes) -> bytes:
        """Ciphertext of `secret`, compressed first: a payload of a megabyte of user data is mostly text."""
        return self._fernet.encrypt(zlib.compress(secret, 1))

    def open(self, sealed: bytes) -> bytes:
        """The secret again.

        Raises:
            Fatal: it was sealed with a key that the key file does not hold, or was altered.
        """
        try:
            return zlib.decompress(self._fernet.decrypt(sealed))
        except InvalidToken:
            raise Fatal(
                "a stored secret does not open", "put the key it was sealed with into the key file again"
            ) from None

    def operation_token(self, operation_id: str) -> str:
        """The token that the machine of this operation shows: the operation's id and a MAC over it.

        Nothing is stored: a token is true when it can be made again, and it dies with the operation because every use
        looks the operation up.
        """
        return f"{operation_id.replace('-', '')}.{self._tag(self._signing[0], operation_id)}"

    def operation_of(self, token: str) -> str | None:
        """The id of the operation that `token` was made for; None for anything that we did not make."""
        digits, _, tag = token.partition(".")
        if len(digits) != _UUID_DIGITS or not set(digits) <= set("0123456789abcdef"):
            return None
        operation_id = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        known = (self._tag(key, operation_id) for key in self._signing)
        return operation_id if any(hmac.compare_digest(tag.encode(), one.encode()) for one in known) else None

    def pseudonym(self, text: str) -> str:
        """Eight letters that stand for a text which must not be written down, the same ones for the same text."""
        return self._tag(self._signing[0], f"pseudonym {text}")[:8]

    def derived_key(self, purpose: str) -> bytes:
        """A key of its own for a purpose, the same in every process."""
        return hmac.new(self._signing[0], purpose.encode(), hashlib.sha256).digest()

    @staticmethod
    def _tag(key: bytes, text: str) -> str:
        return hmac.new(key, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:32]
