"""Where machines are drawn."""

from bmprov.store.stands import Stand
from bmprov.web.hall.arrangement import Rack, Zone, arranged, natural
from tests.bmprov.web.hall.test_tile import PLAIN


def at(name: str, position: int | None = None, height_u: int = 1, **place: str) -> Stand:
    return PLAIN._replace(id=name, name=name, position=position, height_u=height_u, **place)


def only_rack(*stands: Stand) -> Rack:
    [zone] = arranged(stands)
    [rack] = zone.racks
    return rack


def test_the_highest_unit_is_drawn_first() -> None:
    rack = only_rack(at("low", 1), at("high", 40, 2), at("middle", 20))
    assert (rack.drawn, rack.loose, rack.units) == (["high", "middle", "low"], [], 42)


def test_a_rack_is_as_high_as_what_stands_in_it() -> None:
    assert only_rack(at("top", 47, 2)).units == 48


def test_what_has_no_unit_stands_below_its_rack_in_order_of_numbers() -> None:
    rack = only_rack(at("m10"), at("m2"), at("there", 5))
    assert (rack.drawn, rack.loose) == (["there"], ["m2", "m10"])


def test_a_rack_of_which_no_unit_is_known_is_not_drawn() -> None:
    assert only_rack(at("one")).units == 0


def test_two_that_are_said_to_fill_one_unit_are_both_shown() -> None:
    """MAAS may move a machine into a zone where its units are taken."""
    rack = only_rack(at("a", 7, 2), at("b", 8, 1))
    assert sorted([*rack.drawn, *rack.loose]) == ["a", "b"]
    assert rack.count == 2


def test_a_unit_that_no_rack_has_is_not_drawn_above_it() -> None:
    assert only_rack(at("x", 3, rack="")).drawn == []


def test_racks_stand_by_zone_and_site_and_what_has_none_comes_last() -> None:
    zones = arranged([at("a", rack="", zone="z2"), at("b", rack="r10", zone="z2"), at("c", rack="r2", zone="z2")])
    assert [rack.name for rack in zones[0].racks] == ["r2", "r10", ""]
    zones = arranged([at("a", zone="z10"), at("b", zone="z2"), at("c", zone="z1", site="far")])
    assert [(zone.site, zone.name) for zone in zones] == [("default", "z2"), ("default", "z10"), ("far", "z1")]


def test_names_of_any_kind_have_an_order() -> None:
    names = ["²", "a10", "", "10", "9", "٣", "a", "a9"]
    assert sorted(names, key=natural) == ["", "٣", "9", "10", "a", "a9", "a10", "²"]


def test_no_machine_no_zone() -> None:
    assert arranged([]) == []
    assert Zone("s", "z", []).count == 0
