"""When somebody who guesses passwords must wait, and who need not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmprov.guessing import OF_NAME, OF_NAME_HERE, OF_PLACE, WINDOW_S, Failure, place, wait_s

NOW = 100_000.0


def failures(count: int, name: str = "ann", origin: str = "10.0.0.1", ago_s: float = 60.0) -> list[Failure]:
    return [Failure(NOW - ago_s, name, origin) for _ in range(count)]


def wait(found: list[Failure], name: str = "ann", origin: str = "10.0.0.1", *, at_home: bool = False) -> float:
    return wait_s(found, name, origin, NOW, at_home=at_home)


def test_who_forgets_a_password_waits_and_colleagues_go_on() -> None:
    """The limit of a name from one place holds for that name at that place."""
    assert wait(failures(OF_NAME_HERE - 1)) == 0
    spent = failures(OF_NAME_HERE)
    assert wait(spent) == WINDOW_S - 60.0
    assert wait(spent, name="bob") == 0
    assert wait(spent, origin="10.0.0.2") == 0
    assert wait(spent, at_home=True) == WINDOW_S - 60.0


def test_one_password_on_every_name_is_stopped_by_the_place() -> None:
    """Nobody comes in from there any more, and everybody from elsewhere."""
    spray = [one for number in range(OF_PLACE) for one in failures(1, name=f"person-{number}")]
    assert wait(spray) > 0
    assert wait(spray, at_home=True) > 0
    assert wait(spray, origin="10.0.0.2") == 0


def test_guessing_from_everywhere_locks_nobody_out_of_where_they_work() -> None:
    """A hundred places, one name: other places wait, those where the person has signed in lately do not."""
    everywhere = [one for number in range(OF_NAME) for one in failures(1, origin=f"192.0.2.{number}")]
    assert wait(everywhere, origin="10.0.0.9") > 0
    assert wait(everywhere, origin="10.0.0.9", at_home=True) == 0


@pytest.mark.parametrize("at_home", [True, False])
def test_it_ends_by_itself(*, at_home: bool) -> None:
    """The wait is until so many are no longer that the limit holds, and what is older does not count."""
    found = failures(1, ago_s=WINDOW_S - 5) + failures(OF_NAME_HERE - 1)
    assert wait(found, at_home=at_home) == pytest.approx(5.0)
    assert wait(failures(OF_NAME, ago_s=WINDOW_S), at_home=at_home) == 0


def test_a_place_is_what_one_household_is_given() -> None:
    """All of an IPv6 /64; an IPv4 address by itself, however it is written."""
    assert place("2001:db8:1:2::1") == place("2001:db8:1:2:ffff::9") != place("2001:db8:1:3::1")
    assert place("::ffff:10.0.0.1") == place("10.0.0.1") != place("10.0.0.2")
    assert place("") == ""
    same = [one for number in range(OF_NAME_HERE) for one in failures(1, origin=f"2001:db8::{number:x}")]
    assert wait(same, origin="2001:db8::abcd") > 0


@given(
    st.lists(
        st.builds(
            Failure,
            st.floats(NOW - 2 * WINDOW_S, NOW),
            st.sampled_from(["ann", "bob"]),
            st.sampled_from(["10.0.0.1", "10.0.0.2", "::1", "x"]),
        ),
        max_size=150,
    ),
    st.booleans(),
)
def test_after_the_wait_one_may_try(found: list[Failure], at_home: bool) -> None:  # noqa: FBT001 - Hypothesis gives it
    """Whatever has happened: no wait is longer than the window, and it is true."""
    told = wait(found, at_home=at_home)
    assert 0 <= told <= WINDOW_S
    assert wait_s(found, "ann", "10.0.0.1", NOW + told, at_home=at_home) <= 1e-6
