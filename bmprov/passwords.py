"""Passwords of people: argon2id (RFC 9106), and which passwords are taken.

The rule is that of NIST SP 800-63B, section 5.1.1.2: a length, no rules of composition, and no word that everybody
would try first. A hash costs 64 MiB for a twentieth of a second, so only so many are made at once in a process: a crowd
at the sign-in page must not take the memory and the threads of what CloudStack asks for.
"""

import unicodedata
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bmprov.errors import Invalid
from bmprov.turnstile import Turnstile

SHORTEST, LONGEST = 12, 256
"""How many characters a password may have. Nobody types more; a longer one would only keep argon2 busy."""

_AT_ONCE = 2
_PATIENCE_S = 2.0
_SAME_PERIOD = 3  # `aaaa`, `abab`, `abcabc`
_SHORTEST_WORD = 3
_ASCENDING = "abcdefghijklmnopqrstuvwxyz 0123456789 01234567890123456789 qwertzuiop qwertyuiop asdfghjkl"
_COMMON = ("password", "passwort", "bmprov", "cloudstack", "changeme", "administrator", "letmein", "welcome")


class Passwords:
    """Makes and compares hashes. `hasher` has argon2-cffi's defaults, which change as machines get faster."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turnstile = Turnstile(_AT_ONCE, _PATIENCE_S)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("nobody has this one")

    def hash(self, password: str) -> str:
        """The hash to keep, with its own salt.

        Raises:
            Retryable: too many are being hashed.
        """
        with self._turnstile.through():
            return self._hasher.hash(_bytes(password))

    def fits(self, kept: str, password: str) -> bool:
        """Whether this is the password. Without a hash nothing fits, after the same time.

        Raises:
            Retryable: too many are being compared.
        """
        with self._turnstile.through():
            try:
                self._hasher.verify(kept or self._nobodys, _bytes(password))
            except (VerificationError, InvalidHashError):
                return False
        return bool(kept)

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(kept)


def refuse_weak(password: str, name: str) -> None:
    """Refuse what would be guessed. The password itself is in no error.

    Raises:
        Invalid: it is too short or too long, or a stranger would try it.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(
            f"a password has {SHORTEST} to {LONGEST} characters", "take some words that do not belong together"
        )
    plain = password.casefold()
    own = plain
    for word in (name.casefold(), *_COMMON):
        own = own.replace(word, "") if len(word) >= _SHORTEST_WORD else own
    if len(own) < SHORTEST // 2 or _periodic(plain) or plain in _ASCENDING:
        raise Invalid(
            "this password would be guessed: it is little more than the name, a usual word, or a row of keys",
            "take some words that do not belong together",
        )


def _periodic(text: str) -> bool:
    return any(text == (text[:period] * len(text))[: len(text)] for period in range(1, _SAME_PERIOD + 1))


def _bytes(password: str) -> bytes:
    """One spelling of a password, whatever keyboard it comes from (NIST SP 800-63B asks for NFKC or NFKD)."""
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
