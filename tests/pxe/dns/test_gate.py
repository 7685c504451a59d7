"""Strangers and floods stay outside."""

from ipaddress import IPv4Network

from pxe.dns.gate import Gate
from tests.pxe.provisioning import Clock


def test_only_the_provisioning_networks_are_answered() -> None:
    """A question with a forged sender would make us send there."""
    gate = Gate([IPv4Network("10.1.0.0/24"), IPv4Network("10.7.0.0/16")])
    asked = ["10.1.0.5", "10.7.9.9", "10.1.1.5", "192.0.2.1", "10.6.255.255"]
    assert [gate.admits(client) for client in asked] == [True, True, False, False, False]
    assert (gate.strangers, gate.too_many) == (3, 0)


def test_a_flood_is_cut_and_costs_the_others_nothing() -> None:
    """One client has 200 at once and 100 a second; its neighbour is served all the time."""
    clock = Clock()
    gate = Gate([IPv4Network("10.0.0.0/8")], clock)
    assert sum(gate.admits("10.1.0.5") for _ in range(5000)) == 200
    assert gate.admits("10.1.0.6")
    clock.now += 0.5
    assert sum(gate.admits("10.1.0.5") for _ in range(5000)) == 50
    assert gate.too_many == 9750


def test_forged_senders_do_not_fill_the_memory() -> None:
    """As many as there are addresses: what is kept stays small, and a client of now is still counted."""
    gate = Gate([IPv4Network("10.0.0.0/8")], Clock())
    for number in range(20_000):
        gate.admits(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(gate._buckets) == 4096
    assert sum(gate.admits("10.9.9.9") for _ in range(300)) == 200
