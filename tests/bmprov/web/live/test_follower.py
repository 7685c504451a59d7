"""What open pages are told when something is committed, when nothing is, and when nobody can know."""

from collections.abc import Callable

import pytest

from bmprov.errors import NotFound, Retryable
from bmprov.store import Store
from bmprov.web.live.follower import WELCOME_S, Follower, Listener
from bmprov.web.live.topic import Topic
from tests.bmprov.web.live.listening import Anybody, Board, Heard, Said
from tests.contract.conftest import Clock

pytestmark = pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)


class House:
    """A follower whose clock is the test's, and pages that listen."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.follower = Follower(store, clock=clock)

    def open(self, topic: Topic, etag: str = "", name: str = "t", guest: Anybody | None = None) -> Heard:
        heard = Heard()
        self.follower.join(name, topic, Listener(heard, etag, guest or Anybody()))
        return heard

    def tick(self, after_s: float = 100.0) -> None:
        self.clock.now += after_s
        self.follower.tick()

    def commit(self) -> None:
        with self.store.write() as transaction:
            transaction.events.add("something", actor="ann")


@pytest.fixture
def house(store: Store) -> House:
    return House(store, Clock())


@pytest.fixture
def follow(house: House) -> Callable[[Board], Heard]:
    def followed(board: Board) -> Heard:
        heard = house.open(board)
        house.tick()
        heard.take()
        return heard

    return followed


def test_a_page_that_is_true_hears_the_time_and_its_etag(house: House) -> None:
    """So that its browser can name the etag when the connection drops."""
    board = Board({"a": "<p id=a>1</p>"})
    stale = house.open(board)
    house.tick()
    assert stale.kinds() == ["resync"]
    etag = house.follower._followed["t"].feed.etag
    heard = house.open(board, etag)
    house.tick()
    (said,) = heard.take()
    assert (said.event, said.etag) == ("beat", etag)


def test_a_commit_is_told_once_to_all(house: House) -> None:
    """One look serves every page of a topic; only what has changed is sent."""
    board = Board({"a": "<p id=a>1</p>", "b": "<p id=b>1</p>"})
    pages = [house.open(board) for _ in range(5)]
    house.tick()
    for page in pages:
        page.take()
    board.regions["b"] = "<p id=b>2</p>"
    looks = board.looks
    house.commit()
    house.tick()
    etag = house.follower._followed["t"].feed.etag
    assert [page.take() for page in pages] == [[Said("regions", {"b": "<p id=b>2</p>"}, etag)]] * 5
    assert board.looks == looks + 1


def test_nothing_is_looked_at_while_nothing_is_committed(house: House, follow: Callable[[Board], Heard]) -> None:
    """Asking for the pulse is all that an idle service does."""
    board = Board({"a": "1"})
    follow(board)
    looks = board.looks
    for _ in range(10):
        house.tick()
    assert board.looks == looks


def test_what_comes_from_elsewhere_is_looked_at_from_time_to_time(
    house: House, follow: Callable[[Board], Heard]
) -> None:
    """Bytes written stand in Redis, and no commit tells of them."""
    board = Board({"a": "1"}, every_s=2.0)
    heard = follow(board)
    board.regions["a"] = "2"
    house.tick(1.9)
    assert heard.take() == []
    house.tick(0.2)
    assert heard.kinds() == ["regions"]


def test_a_commit_while_it_rests_is_told_afterwards(house: House, follow: Callable[[Board], Heard]) -> None:
    """Looking takes a sixth of the time at most, and what comes in between is not forgotten."""
    board = Board({"a": "1"})
    heard = follow(board)
    board.look = _slow(board, house.clock, 0.5)  # type: ignore[method-assign] # a slow page
    for _ in range(2):
        house.commit()
        board.regions["a"] += "."
        house.tick(0.1)
    assert heard.kinds() == ["regions"]
    house.tick(2.3)
    assert heard.kinds() == []
    house.tick(0.3)
    assert heard.kinds() == ["regions"]


def test_a_page_that_comes_back_gets_what_it_missed(house: House, follow: Callable[[Board], Heard]) -> None:
    """Even if nobody listened in the meantime."""
    board = Board({"a": "1", "b": "1"})
    heard = follow(board)
    etag = house.follower._followed["t"].feed.etag
    heard.end()
    house.tick(1)
    board.regions["a"] = "2"
    house.commit()
    house.tick(1)
    again = house.open(board, etag)
    house.tick(1)
    (said,) = again.take()
    assert (said.event, said.data) == ("regions", {"a": "2"})


def test_what_is_gone_makes_its_pages_ask_for_themselves(house: House, follow: Callable[[Board], Heard]) -> None:
    """They are told by the page that there is no such machine."""
    board = Board({"a": "1"})
    heard = follow(board)
    board.fault = NotFound("no machine 'm'")
    house.commit()
    house.tick()
    assert heard.kinds() == ["resync"]


def test_a_fault_of_one_page_is_its_own(house: House, follow: Callable[[Board], Heard]) -> None:
    """Its readers are told, others go on; when it can be rendered again they hear that and what has changed."""
    broken = Board({"a": "1"})
    heard = follow(broken)
    other = house.open(Board({"b": "1"}), name="other")
    house.tick()
    other.take()
    broken.fault = ZeroDivisionError()
    for _ in range(2):
        house.commit()
        house.tick()
    late = house.open(broken)
    house.tick()
    told = heard.take()
    assert [said.event for said in told] == ["trouble"]
    assert "service's log" in told[0].data
    assert late.take() == told
    assert other.take() == []
    broken.fault, broken.regions["a"] = None, "2"
    house.commit()
    house.tick()
    assert [(said.event, bool(said.data)) for said in heard.take()] == [("trouble", False), ("regions", True)]


def test_a_database_that_does_not_answer_is_told_and_asked_again(
    house: House, follow: Callable[[Board], Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opens a page in the meantime is told too; afterwards nothing is missing."""
    board = Board({"a": "1"})
    heard = follow(board)
    with monkeypatch.context() as patch:
        patch.setattr(house.follower._pulse, "moved", _no_answer)
        house.tick()
        house.tick()
        late = house.open(board)
        house.tick()
    (told,) = heard.take()
    assert (told.event, late.take()) == ("trouble", [told])
    assert "the database does not answer" in told.data
    board.regions["a"] = "2"
    house.commit()
    house.tick()
    assert heard.kinds() == ["regions", "trouble"]
    assert late.kinds() == ["resync", "trouble"]


def test_who_is_no_longer_welcome_hears_no_more(house: House) -> None:
    """The stream ends within seconds although nothing changes; others keep theirs."""
    board, leaving = Board({"a": "1"}), Anybody()
    gone, stays = house.open(board, guest=leaving), house.open(board)
    house.tick()
    leaving.welcome = False
    house.tick(WELCOME_S + 0.1)
    assert (gone.open, gone.kinds()[-1]) == (False, "bye")
    assert stays.open


def test_topics_that_nobody_shows_are_forgotten(house: House, follow: Callable[[Board], Heard]) -> None:
    """A process that has shown ten thousand machines' pages does not keep them."""
    follow(Board({"a": "1"})).end()
    house.tick(1)
    assert house.follower._followed
    house.tick(1000)
    assert not house.follower._followed
    assert not house.follower.busy


def _slow(board: Board, clock: Clock, seconds: float) -> Callable[..., object]:
    def look(transaction: object) -> object:
        clock.now += seconds
        return Board.look(board, transaction)  # type: ignore[arg-type] # handed on

    return look


def _no_answer() -> bool:
    raise Retryable("the database did not answer", "check that it runs")
