"""Passwords: which are taken, and that a hash tells nobody anything."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher

from bmprov.errors import Invalid
from bmprov.passwords import LONGEST, Passwords, refuse_weak

GOOD = "a horse that reads maps"


def test_a_password_fits_its_own_hash_and_no_other() -> None:
    """Each hash has its own salt, and is argon2id's."""
    passwords = Passwords()
    kept, again = passwords.hash(GOOD), passwords.hash(GOOD)
    assert kept != again
    assert kept.startswith("$argon2id$")
    assert passwords.fits(kept, GOOD)
    assert not passwords.fits(kept, GOOD + " ")
    assert not passwords.outdated(kept)


def test_who_has_no_password_has_none_that_fits() -> None:
    """Not even the empty one, nor the one behind the hash that is compared to spend the time."""
    passwords = Passwords()
    assert not passwords.fits("", "")
    assert not passwords.fits("", "nobody has this one")
    assert not passwords.fits("no hash at all", GOOD)


def test_an_unknown_name_takes_as_long_as_a_known_one() -> None:
    """Else the time would tell which names there are."""
    passwords = Passwords()
    kept = passwords.hash(GOOD)
    passwords.fits("", GOOD)

    def quickest(hashed: str) -> float:
        took = []
        for _ in range(9):
            began = time.perf_counter()
            passwords.fits(hashed, "wrong")
            took.append(time.perf_counter() - began)
        return min(took)

    assert 0.4 < quickest("") / quickest(kept) < 2.5


def test_the_same_letters_typed_elsewhere_are_the_same_password() -> None:
    """A Mac sends `é` as two characters, other systems as one."""
    passwords = Passwords()
    assert passwords.fits(passwords.hash("caf\u00e9 au lait, bien noir"), "cafe\u0301 au lait, bien noir")


def test_a_hash_of_weaker_parameters_is_outdated() -> None:
    """So that it is made anew when its owner signs in next."""
    weak = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(GOOD)
    assert Passwords().outdated(weak)
    assert Passwords().fits(weak, GOOD)


def test_a_crowd_is_served_one_after_the_other() -> None:
    """Two at once; nobody is refused who waits a moment."""
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    kept = passwords.hash(GOOD)
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(lambda _: passwords.fits(kept, GOOD), range(64)))


@pytest.mark.parametrize("password", [GOOD, "🐎🐎🐎 läuft heim!", "x" * 11 + "yz" * 20, "Tr0ub4dor&3-and-more"])
def test_what_is_long_enough_is_taken(password: str) -> None:
    """No rules of composition."""
    refuse_weak(password, "ann")


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "elevenchars",
        "x" * (LONGEST + 1),
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "123456789012",
        "qwertyuiop asdfghjkl",
        "Password1234",
        "bmprov-bmprov",
        "ann.bergmann-1",
        "Ann.Bergmann2026",
    ],
)
def test_what_would_be_guessed_is_not(password: str) -> None:
    """And the error does not repeat it."""
    with pytest.raises(Invalid) as refused:
        refuse_weak(password, "ann.bergmann")
    assert not password or password not in str(refused.value)
