"""A machine's tile: what its marks say stands in words too."""

import pytest

from bmprov.store.stands import Stand
from bmprov.web.hall.tile import Tile, tile_of

PLAIN = Stand(
    *("1d", "rack1-07", "default", "z1", "", "r1", 7, 1, "active", "", "on", True, "", "", "[]"),
    *("ipmi://10.0.0.7", "52:54:00:00:00:07", "", "", "", "", "", "", ""),
)


def tile(progress: tuple[int, int] | None = None, **changes: object) -> Tile:
    return tile_of(PLAIN._replace(**changes), progress)


def test_a_healthy_machine_has_a_state_and_a_light_and_nothing_else() -> None:
    assert tile().tokens == ("s-active", "w-on")
    assert tile().label == "rack1-07, active, power on, U7"


@pytest.mark.parametrize(
    ("changes", "tokens", "words"),
    [
        ({"maintenance": "new fan"}, {"k-maintenance"}, "in maintenance: new fan"),
        ({"power_error": "no answer"}, {"k-silent", "k-problem"}, "its BMC does not answer"),
        ({"fault": "a disk", "state": "error"}, {"s-error", "k-problem"}, "fault: a disk"),
        ({"current": False}, {"w-unknown", "k-problem"}, "power unknown, last read on"),
        ({"power": "off"}, {"w-off"}, "power off"),
        ({"operation": "o", "kind": "power", "action": "cycle"}, {"k-busy"}, "under way: restart"),
    ],
)
def test_each_mark_stands_in_words_too(changes: dict[str, object], tokens: set[str], words: str) -> None:
    assert tokens <= set(tile(**changes).tokens)
    assert words in tile(**changes).label


def test_a_reading_that_is_too_old_is_no_power() -> None:
    """A light that shines because it once did would be a false report."""
    assert "w-on" not in tile(current=False).tokens


def test_what_is_being_done_takes_the_place_of_the_instance() -> None:
    busy = tile((1, 4), instance="web", operation="o", kind="deploy", step="wait for the image to be written")
    assert (busy.note, busy.percent) == ("deploy", 25)
    assert "instance web, under way: deploy, writing the image to its disk, 25 % written" in busy.label
    assert tile(instance="web").note == "web"


def test_a_machine_is_found_by_what_it_does_not_show() -> None:
    found = tile(instance_id="uuid-1", tags='["ssd", "gpu"]').search.split()
    assert found == ["52:54:00:00:00:07", "ipmi://10.0.0.7", "uuid-1", "ssd", "gpu"]
