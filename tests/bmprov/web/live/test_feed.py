"""Which regions a page lacks, by the etag of what it shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmprov.web.live.etag import GROUPS, Checksums, group_of
from bmprov.web.live.feed import Change, Feed

NAMES = [f"m-{number}" for number in range(100)]
STATE = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["1", "2", "3"]), max_size=20)


def etag_of(state: dict[str, str]) -> str:
    return Checksums.of(state).etag


def feed_of(*states: dict[str, str]) -> Feed:
    feed = Feed()
    for state in states:
        feed.take(state)
    return feed


def test_only_what_has_changed_is_told() -> None:
    """Nothing, when the state is the same."""
    feed = feed_of({"a": "1", "b": "1"})
    assert feed.take({"a": "1", "b": "1"}) is None
    assert feed.take({"a": "1", "b": "2"}) == Change(etag_of({"a": "1", "b": "2"}), {"b": "2"})


@pytest.mark.parametrize("then", [{"a": "1", "b": "1"}, {}, {"b": "1"}])
def test_regions_that_come_or_go_need_the_page_anew(then: dict[str, str]) -> None:
    """Nobody can say where in the page they belong."""
    feed = feed_of({"a": "1"})
    assert feed.take(then) == Change(etag_of(then), None)
    assert feed.since(etag_of({"a": "1"})) == Change(etag_of(then), None)
    assert feed.since(etag_of(then)) is None


@pytest.mark.parametrize("etag", ["", "nonsense", "é", "A" * 351, "A" * 352, "A" * 353, '"><script>'])
def test_an_etag_that_is_none_of_ours_needs_the_page_anew(etag: str) -> None:
    """Another version's, or one that somebody has made up."""
    feed = feed_of({"a": "1"})
    assert feed.since(etag) == Change(feed.etag, None)


def test_of_many_regions_few_are_sent_for_one() -> None:
    """A state that nobody remembers costs one group of its regions, not all."""
    now = dict.fromkeys(NAMES * 10, "1")
    lacking = feed_of(now).since(etag_of(now | {"m-7": "0"}))
    assert lacking is not None
    assert lacking.regions is not None
    assert "m-7" in lacking.regions
    assert len(lacking.regions) < 3 * len(now) / GROUPS


def test_the_groups_are_about_equal() -> None:
    sizes = [sum(group_of(f"machine-{number}") == group for number in range(3200)) for group in range(GROUPS)]
    assert (min(sizes) > 50, max(sizes) < 200) == (True, True)


@given(STATE, STATE, st.lists(STATE, max_size=4))
def test_a_page_ends_with_what_is_so(shown: dict[str, str], now: dict[str, str], between: list[dict[str, str]]) -> None:
    """Whatever it shows, and whether this process has ever seen that or not."""
    lacking = feed_of(*between, now).since(etag_of(shown))
    if lacking is None:
        assert shown == now
    elif lacking.regions is None:
        assert shown.keys() != now.keys()
    else:
        assert (shown | dict(lacking.regions), lacking.etag) == (now, etag_of(now))


@given(st.lists(STATE, min_size=1, max_size=20))
def test_an_etag_is_that_of_the_state_alone(states: list[dict[str, str]]) -> None:
    """Not of how it came about, nor of the order of its regions: any process gives it the same."""
    assert feed_of(*states).etag == etag_of(dict(reversed(states[-1].items())))


@given(STATE)
def test_an_etag_comes_back_as_it_was(state: dict[str, str]) -> None:
    """From an attribute, an address and a header, which escape nothing of it."""
    etag = etag_of(state)
    assert etag.replace("-", "").replace("_", "").rstrip("=").isalnum()
    read = Checksums.read(etag)
    assert read is not None
    assert read.etag == etag
