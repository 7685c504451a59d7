"""The one suite that every switch passes: the fake, nine command lines over real SSH, and a Linux bridge."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import Invalid, SwitchRefused
from bmprov.switch import Change, PortMode, PortSetting, SwitchLogin
from tests.contract.switches import BRIDGE, SWITCHES, Stand, linux_bridge
from tests.sim_switch.bridge_machine import bridge_machine
from tests.sim_switch.ssh import SwitchServers, switch_servers

TRUNK = PortSetting.trunk({100, 101, 200}, native=99)


@pytest.fixture(scope="module")
def servers() -> Iterator[SwitchServers]:
    with switch_servers() as servers:
        yield servers


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, bridge_system: Path) -> Iterator[SwitchLogin]:
    with bridge_machine(tmp_path_factory.mktemp("bridge"), bridge_system) as login:
        yield login


@pytest.fixture(params=[*SWITCHES, pytest.param(BRIDGE, marks=pytest.mark.timeout(400))])
def stand(request: pytest.FixtureRequest, servers: SwitchServers) -> Iterator[Stand]:
    """Each switch in turn, its ports enabled."""
    if request.param == BRIDGE:
        with linux_bridge(request.getfixturevalue("machine")) as stand:
            yield stand
    else:
        with SWITCHES[request.param](servers) as stand:
            yield stand


def soon() -> Deadline:
    return Deadline.after(15)


def test_access_then_trunk_then_access_again(stand: Stand) -> None:
    """Each setting replaces the one before, reads back, is what the hardware does, and touches no other port."""
    port, other, _ = stand.ports
    beside = stand.truth(other)
    outcome = stand.switch.apply([Change(port, PortSetting.access(100), description="rack1-07 eth0")], soon())
    assert outcome.after[port].carries(PortSetting.access(100))
    assert stand.truth(port) == (True, 100, frozenset(), "rack1-07 eth0")
    outcome = stand.switch.apply([Change(port, TRUNK)], soon())
    assert outcome.before[port].carries(PortSetting.access(100))
    assert outcome.after[port].carries(TRUNK)
    assert stand.truth(port) == (True, 99, frozenset({100, 101, 200}), "rack1-07 eth0")
    other_trunk = PortSetting.trunk({101, 300}, native=100)  # one goes, one comes, one loses its tag
    stand.switch.apply([Change(port, other_trunk)], soon())
    assert stand.truth(port) == (True, 100, frozenset({101, 300}), "rack1-07 eth0")
    stand.switch.apply([Change(port, PortSetting.access(101), description="")], soon())
    assert stand.truth(port) == (True, 101, frozenset(), "")
    assert stand.truth(other) == beside


def test_what_is_so_already_is_not_sent(stand: Stand) -> None:
    """A step that runs twice ends in the same world, and the second time no line is sent; nor does a plan have one."""
    change = Change(stand.ports[0], TRUNK, enabled=True, description="rack1-07")
    assert stand.switch.apply([change], soon()).commands
    assert not stand.switch.apply([change], soon()).commands
    assert not stand.switch.plan([change], soon()).commands


def test_a_plan_changes_nothing_and_has_the_very_lines(stand: Stand) -> None:
    """A dry run shows what is sent afterwards, line by line, and leaves the port and the VLANs alone."""
    port = stand.ports[0]
    change, before = Change(port, PortSetting.access(1577), enabled=False), stand.truth(port)
    plan = stand.switch.plan([change], soon())
    assert plan.commands
    assert stand.truth(port) == before
    assert list(stand.switch.apply([change], soon()).commands) == list(plan.commands)
    assert stand.truth(port) == (False, 1577, frozenset(), before[3])


def test_disable_and_enable(stand: Stand) -> None:
    """Both read back, and leave the VLANs as they are."""
    port = stand.ports[0]
    stand.switch.apply([Change(port, PortSetting.access(100), enabled=False)], soon())
    assert stand.truth(port)[:2] == (False, 100)
    assert not stand.switch.read([port], soon())[port].enabled
    assert stand.switch.apply([Change(port, enabled=True)], soon()).after[port].enabled
    assert stand.truth(port)[:2] == (True, 100)


def test_a_batch_is_one_session_and_reads_back_whole(stand: Stand) -> None:
    """Three ports change together, each as ordered, with and without a native VLAN."""
    first, second, third = stand.ports
    bare = TRUNK if stand.needs_native else PortSetting.trunk({100, 200})
    stand.switch.apply([Change(first, PortSetting.access(200)), Change(second, TRUNK), Change(third, bare)], soon())
    states = stand.switch.read(stand.ports, soon())
    assert [states[port].mode for port in stand.ports] == [PortMode.ACCESS, PortMode.TRUNK, PortMode.TRUNK]
    assert [stand.truth(port)[1] for port in stand.ports] == [200, 99, bare.untagged]
    assert stand.truth(third)[2] == bare.tagged


def test_many_scattered_vlans(stand: Stand) -> None:
    """A trunk of VLANs that make more ranges than a line holds is set and read back whole."""
    port, vlans = stand.ports[0], frozenset(range(1000, 1060, 2))
    stand.switch.apply([Change(port, PortSetting.trunk(vlans, native=99))], soon())
    assert stand.truth(port)[1:3] == (99, vlans)
    stand.switch.apply([Change(port, PortSetting.trunk(vlans - {1010}, native=99))], soon())
    assert stand.truth(port)[1:3] == (99, vlans - {1010})


def test_a_port_that_does_not_exist(stand: Stand) -> None:
    """It is refused in words that name it, read or set, and its neighbours in the batch are left alone."""
    port = stand.ports[0]
    before = stand.truth(port)
    with pytest.raises(SwitchRefused, match=f"no port {stand.unknown}"):
        stand.switch.read([stand.unknown], soon())
    with pytest.raises(SwitchRefused, match=f"no port {stand.unknown}"):
        stand.switch.apply([Change(port, PortSetting.access(100)), Change(stand.unknown, enabled=False)], soon())
    assert stand.truth(port) == before


def test_a_name_that_is_none_is_not_sent(stand: Stand) -> None:
    """What could end a line, or be taken for an option, never gets to the switch."""
    before = stand.truth(stand.ports[0])
    for name in ("x; reboot", "1\nshutdown", "", "--help", "$(reboot)", "../../etc", "é", f"{stand.ports[0]} "):
        with pytest.raises((Invalid, SwitchRefused)):
            stand.switch.apply([Change(name, PortSetting.access(100))], soon())
    assert stand.truth(stand.ports[0]) == before


def test_saving_is_only_done_when_asked(stand: Stand) -> None:
    """`save` says that it was done; a switch that cannot refuses, before it changes anything."""
    port = stand.ports[0]
    assert not stand.switch.apply([Change(port, PortSetting.access(100))], soon()).saved
    if stand.keeps:
        assert stand.switch.apply([Change(port, PortSetting.access(101))], soon(), save=True).saved
        assert stand.switch.apply([], soon(), save=True).saved
        assert stand.truth(port)[1] == 101
    else:
        with pytest.raises(SwitchRefused, match="keep"):
            stand.switch.apply([Change(port, PortSetting.access(101))], soon(), save=True)
        assert stand.truth(port)[1] == 100


def test_two_at_once_take_turns(stand: Stand) -> None:
    """Two threads that change one switch both succeed: one waits for the other."""
    first, second, _ = stand.ports
    other = threading.Thread(target=stand.switch.apply, args=([Change(second, PortSetting.access(200))], soon()))
    other.start()
    stand.switch.apply([Change(first, PortSetting.access(100))], soon())
    other.join()
    assert (stand.truth(first)[1], stand.truth(second)[1]) == (100, 200)


def test_nothing_is_left_behind(stand: Stand) -> None:
    """No thread lives on after a call."""
    stand.switch.read(stand.ports, soon())
    before, by = threading.active_count(), soon()
    for _ in range(3):
        stand.switch.read(stand.ports[:1], soon())
    while threading.active_count() > before:
        assert not by.passed
        time.sleep(0.01)  # paramiko's thread ends a little after its connection
