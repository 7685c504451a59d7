"""What MAAS's statuses mean, and how its machines are named."""

import pytest

from bmprov.maas import STANDINGS, NodeStatus, Standing, address_of, place_of, status_words
from tests.maas import status as real


def test_every_status_has_a_standing() -> None:
    """All 23 that MAAS has, by its numbers and names."""
    assert {one.name: one.value for one in NodeStatus} == {one.name: one.value for one in real.NodeStatus}
    assert STANDINGS.keys() == set(NodeStatus)
    assert set(STANDINGS.values()) == set(Standing)


@pytest.mark.parametrize("status", NodeStatus)
def test_statuses_in_maas_s_words(status: NodeStatus) -> None:
    """An operator reads here what MAAS's page shows."""
    assert status_words(status) == real.NAMES[real.NodeStatus(status)]


@pytest.mark.parametrize(
    ("standing", "statuses"),
    [
        (Standing.FREE, {real.NodeStatus.READY}),
        (Standing.ALLOCATED, {real.NodeStatus.ALLOCATED, real.NodeStatus.RESERVED}),
        (Standing.DEPLOYED, {real.NodeStatus.DEPLOYED}),
        (Standing.RETURNING, {real.NodeStatus.RELEASING, real.NodeStatus.DISK_ERASING}),
        (Standing.FAILED_RETURN, {real.NodeStatus.FAILED_RELEASING, real.NodeStatus.FAILED_DISK_ERASING}),
    ],
)
def test_standings(standing: Standing, statuses: set[int]) -> None:
    """Only a Ready machine is free, and only a Deployed one is deployed."""
    assert {status for status, found in STANDINGS.items() if found is standing} == statuses


def test_the_address_of_a_machine_leads_back() -> None:
    """Region and system ID are read from it."""
    assert address_of("lab", "4y3h7n") == "maas://lab/4y3h7n"
    assert place_of("maas://lab/4y3h7n") == ("lab", "4y3h7n")


@pytest.mark.parametrize(
    "address", ["ipmi://10.0.0.1:623", "maas://lab", "maas://lab/", "maas:///abc", "maas://lab/a/b", "lab/abc", ""]
)
def test_other_addresses_are_none(address: str) -> None:
    """Those of BMCs, and whatever lacks a part."""
    assert place_of(address) is None
