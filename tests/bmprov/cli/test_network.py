"""`bmprov network`, against a running service with the fake switch."""

from collections.abc import Callable, Iterator

import pytest

from tests.bmprov.cli.conftest import Said

Call = Callable[..., Said]
VLANS = ("--vlans", "1000-1999", "--provisioning-vlan", 99, "--quarantine-vlan", 666)


@pytest.fixture
def cabled(bmprov: Call, fake: str) -> Iterator[str]:
    """A machine whose first NIC is cabled to a switch."""
    assert bmprov("switch", "add", "leaf-1", "fake://leaf-1", *VLANS).code == 0
    assert bmprov("cable", "set", fake, 0, "leaf-1", "1/7").code == 0
    yield fake
    for order in (("cable", "remove", "--yes", fake, 0), ("switch", "remove", "--yes", "leaf-1")):
        said = bmprov(*order)
        assert said.code == 0, said.err


def test_a_port_is_compared_planned_and_set(bmprov: Call, cabled: str) -> None:
    """Of a machine that nobody has: exit code 1 until its port is closed; a dry run changes nothing."""
    for _ in range(2):
        said = bmprov("network", "check", cabled)
        assert said.code == 1
        words = " ".join(said.out.split())
        assert "port leaf-1 1/7 cabling hand: leaf-1 1/7 wanted access VLAN 666, disabled on the switch access" in words
        assert "verdict bad because port 1/7 is access VLAN 1, not access VLAN 666" in words
        planned = bmprov("network", "apply", cabled, "--dry-run")
        assert planned.out == 'leaf-1: port 1/7: access VLAN 666, disabled, ""\n'
    applied = bmprov("network", "apply", cabled)
    assert applied.out == "leaf-1 1/7 (quarantine): access VLAN 1 -> access VLAN 666, disabled\n"
    [told] = bmprov("network", "check", cabled, "--json").json
    assert (told["verdict"], told["finding"]) == ("good", "as it should be")
    assert bmprov("network", "apply", cabled, "--dry-run").out == "every port is as it must be\n"
