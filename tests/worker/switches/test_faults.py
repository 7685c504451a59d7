"""What switches do wrong, over real SSH: each ends in time, in an error that says what happens next, and in words."""

import logging
import socket
import threading
from collections.abc import Iterator

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import (
    SwitchAuthFailed,
    SwitchBusy,
    SwitchMismatch,
    SwitchRefused,
    SwitchUnreachable,
)
from bmprov.switch import Change, PortSetting, SwitchLogin
from tests.contract.switches import MODELS, SimulatedStand, simulated
from tests.sim_switch.comware import ComwareSwitch
from tests.sim_switch.ssh import SwitchServers, switch_servers
from tests.stopwatch import Stopwatch
from worker.switches.command_line import CommandLineSwitch
from worker.switches.dialects import DIALECTS
from worker.switches.switch_lock import LocalSwitchLock

COMMITS = {"arista-eos", "juniper-junos", "nokia-srlinux", "cumulus"}


@pytest.fixture(scope="module")
def servers() -> Iterator[SwitchServers]:
    with switch_servers() as servers:
        yield servers


@pytest.fixture
def ios(servers: SwitchServers) -> SimulatedStand:
    return simulated("cisco-ios", servers)


@pytest.fixture(params=list(MODELS))
def stand(request: pytest.FixtureRequest, servers: SwitchServers) -> SimulatedStand:
    return simulated(request.param, servers)


def test_a_wrong_password(stand: SimulatedStand) -> None:
    """It is an operator's matter, quickly, and no password is in the error or its causes."""
    watch = Stopwatch()
    with pytest.raises(SwitchAuthFailed, match="user 'admin'") as caught:
        stand.told(password="not the password").read(stand.ports, Deadline.after(10))
    assert watch.took_s() < 5
    error: BaseException | None = caught.value
    while error:
        assert "not the password" not in str(error)
        error = error.__cause__ or error.__context__


def test_a_wrong_enable_password(ios: SimulatedStand) -> None:
    """The second password is told apart from the first."""
    with pytest.raises(SwitchAuthFailed, match="enable password") as caught:
        ios.told(enable="wrong word").read(ios.ports, Deadline.after(10))
    assert "wrong word" not in str(caught.value)


def test_another_host_key(ios: SimulatedStand) -> None:
    """A switch that is not the one that is trusted never sees the password."""
    with pytest.raises(SwitchRefused, match="host key"):
        ios.told(host_key="SHA256:" + "A" * 43).read(ios.ports, Deadline.after(10))
    assert not ios.device.said


def test_the_right_host_key(ios: SimulatedStand, servers: SwitchServers) -> None:
    """The fingerprint is as `ssh-keygen -lf` tells it."""
    fingerprint = servers.key.get_fingerprint()
    assert ios.ports[0] in ios.told(host_key=fingerprint).read(ios.ports[:1], Deadline.after(10))


def test_nobody_there() -> None:
    """A closed port is told at once, with what to check."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        login = SwitchLogin(f"cisco-ios://127.0.0.1:{free.getsockname()[1]}", "admin", "secret")
        switch = CommandLineSwitch(login, DIALECTS["cisco-ios"], LocalSwitchLock())
        with pytest.raises(SwitchUnreachable, match="does not answer"):
            switch.read(["GigabitEthernet1/0/1"], Deadline.after(5))


@pytest.mark.parametrize("said", [b"", b"HTTP/1.0 400 Bad Request\r\n\r\n", b"\xff\xfd\x18\xff\xfd" * 200])
def test_something_that_is_no_ssh(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Silence and garbage where SSH should be end by the deadline, as a switch that does not answer: one sentence."""
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(said), daemon=True).start()
        login = SwitchLogin(f"sonic://127.0.0.1:{server.getsockname()[1]}", "admin", "secret")
        switch = CommandLineSwitch(login, DIALECTS["sonic"], LocalSwitchLock())
        watch = Stopwatch()
        with pytest.raises(SwitchUnreachable):
            switch.read(["Ethernet0"], Deadline.after(1))
        assert watch.took_s() < 3
        assert not caplog.records, "paramiko would log a traceback"


def test_a_login_without_a_prompt(ios: SimulatedStand) -> None:
    """A switch that lets us in and then says nothing costs no more than the deadline."""
    ios.device.faults.silent = True
    watch = Stopwatch()
    with pytest.raises(SwitchUnreachable):
        ios.switch.read(ios.ports, Deadline.after(1))
    assert watch.took_s() < 3


def test_a_slow_switch(ios: SimulatedStand) -> None:
    """One that takes its time succeeds within the deadline, and else ends at it."""
    ios.device.faults.delay_s = 0.1
    assert ios.switch.apply([Change(ios.ports[0], PortSetting.access(100))], Deadline.after(20)).after
    ios.device.faults.delay_s = 1
    watch = Stopwatch()
    with pytest.raises(SwitchUnreachable, match="in time"):
        ios.switch.apply([Change(ios.ports[0], PortSetting.access(101))], Deadline.after(2))
    assert watch.took_s() < 4


def test_a_lock_that_another_has(stand: SimulatedStand) -> None:
    """A configuration that somebody else holds is busy (retry), and no port has changed."""
    stand.device.faults.locked = True
    before = stand.truth(stand.ports[0])
    with pytest.raises(SwitchBusy, match=r"ada|another"):
        stand.switch.apply([Change(stand.ports[0], PortSetting.access(100))], Deadline.after(10))
    assert stand.truth(stand.ports[0]) == before
    stand.device.faults.locked = False
    stand.switch.apply([Change(stand.ports[0], PortSetting.access(100))], Deadline.after(10))
    assert stand.truth(stand.ports[0])[1] == 100


def test_our_own_lock(servers: SwitchServers) -> None:
    """A second caller waits until its deadline and no longer; nothing is sent."""
    stand, lock = simulated("sonic", servers), LocalSwitchLock()
    switch = CommandLineSwitch(stand.login, DIALECTS["sonic"], lock)
    with lock.hold(stand.login.address, Deadline.after(5)), pytest.raises(SwitchBusy, match="another session of ours"):
        switch.read(stand.ports, Deadline.after(0.2))
    assert not stand.device.said


def test_a_vlan_that_cannot_be_created(stand: SimulatedStand) -> None:
    """The VLAN is named or the line that was refused, and no port is touched."""
    stand.device.faults.no_new_vlans = True
    before = stand.truth(stand.ports[0])
    with pytest.raises(SwitchRefused, match=r"1577|VLAN|vlan|commit"):
        stand.switch.apply([Change(stand.ports[0], PortSetting.access(1577))], Deadline.after(10))
    assert stand.truth(stand.ports[0]) == before


def test_a_vlan_that_may_not_be_created(stand: SimulatedStand) -> None:
    """With `create_vlans` off a missing VLAN is refused, in a dry run too; one that is there is not."""
    switch, port = stand.told(create_vlans=False), stand.ports[0]
    for ask in (switch.plan, switch.apply):
        with pytest.raises(SwitchRefused, match="lacks VLAN 1577; no port was touched"):
            ask([Change(port, PortSetting.access(1577))], Deadline.after(10))
    assert switch.apply([Change(port, PortSetting.access(100))], Deadline.after(10)).after


SETTING = {
    "cisco-ios": "switchport access",
    "cisco-nxos": "switchport access",
    "arista-eos": "switchport access",
    "juniper-junos": "set interfaces",
    "dell-os10": "switchport access",
    "hpe-comware": "port access",
    "nokia-srlinux": "set / interface",
    "sonic": "sudo -n config vlan member add",
    "cumulus": "nv set interface",
}
ERRORS = {
    "cisco-ios": "                ^\n% Invalid input detected at '^' marker.",
    "cisco-nxos": "          ^\n% Invalid command at '^' marker.",
    "arista-eos": "% Invalid input (at token 1: 'access')",
    "juniper-junos": "                ^\nsyntax error.",
    "dell-os10": "% Error: Illegal parameter.",
    "hpe-comware": "      ^\n % Unrecognized command found at '^' position.",
    "nokia-srlinux": "Parsing error: Unknown token 'subinterface'. Options are ['description']",
    "sonic": "Error: Ethernet1 is in a portchannel",
    "cumulus": "Error: Invalid parameter: 'access'",
}


def test_a_dialect_error(stand: SimulatedStand) -> None:
    """A line that is refused is told with the switch's own words; with a commit nothing of the batch counts."""
    name = stand.login.address.partition("://")[0]
    stand.device.faults.answers = {SETTING[name]: ERRORS[name]}
    before = [stand.truth(port) for port in stand.ports]
    changes = [Change(port, PortSetting.access(100)) for port in stand.ports]
    with pytest.raises(SwitchRefused, match=f"would not take '{SETTING[name]}") as caught:
        stand.switch.apply(changes, Deadline.after(10))
    assert ERRORS[name].splitlines()[-1].strip() in str(caught.value)
    if name in COMMITS:
        assert [stand.truth(port) for port in stand.ports] == before
    stand.device.faults.answers = {}
    stand.switch.apply(changes, Deadline.after(10))
    assert [stand.truth(port)[1] for port in stand.ports] == [100, 100, 100]


def test_a_setting_that_is_taken_and_not_done(stand: SimulatedStand) -> None:
    """A switch that says yes and changes nothing is found out by reading back; the error tells what the port is."""
    name = stand.login.address.partition("://")[0]
    stand.device.faults.ignores = SETTING[name]
    with pytest.raises((SwitchMismatch, SwitchRefused), match=r"not access VLAN 100|commit"):
        stand.switch.apply([Change(stand.ports[0], PortSetting.access(100))], Deadline.after(10))


def test_a_reboot_between_set_and_read_back(ios: SimulatedStand) -> None:
    """The change is not claimed; a retry finds the port as the switch has started with it, and sets it again."""
    ios.device.faults.reboots_at = "end"
    change = Change(ios.ports[0], PortSetting.access(100))
    with pytest.raises(SwitchUnreachable, match="broken off"):
        ios.switch.apply([change], Deadline.after(10))
    assert ios.truth(ios.ports[0])[1] == 1
    ios.device.faults.reboots_at = ""
    assert ios.switch.apply([change], Deadline.after(10)).commands
    assert ios.truth(ios.ports[0])[1] == 100


def test_saved_outlives_a_reboot(stand: SimulatedStand) -> None:
    """What was saved is there after a restart."""
    stand.switch.apply([Change(stand.ports[0], PortSetting.access(100))], Deadline.after(10), save=True)
    stand.device.reboot()
    assert stand.truth(stand.ports[0])[1] == 100


@pytest.mark.parametrize(
    "text", ["", "\x00\x01\x7f", "{" * 50, "interface\n!\n", "% Authorization failed", "\u2028 \x1b[2J"]
)
def test_garbage_for_an_answer(stand: SimulatedStand, text: str) -> None:
    """What no such switch says is an error in printable words, never a port in some VLAN."""
    for line in DIALECTS[stand.login.address.partition("://")[0]].read:
        stand.device.faults.answers[line.partition(" {port}")[0]] = text
    with pytest.raises((SwitchMismatch, SwitchRefused)) as caught:
        stand.switch.apply([Change(stand.ports[0], PortSetting.access(100))], Deadline.after(10))
    assert str(caught.value).isprintable()


def test_comware_shows_no_other_vlan_while_its_mode_changes(servers: SwitchServers) -> None:
    """Between access and trunk a Comware port falls back to VLAN 1: it is shut down for that moment."""
    stand = simulated("hpe-comware", servers)
    port = stand.ports[0]
    stand.switch.apply([Change(port, PortSetting.access(100))], Deadline.after(10))
    assert isinstance(stand.device, ComwareSwitch)
    stand.device.flashes.clear()
    stand.switch.apply([Change(port, PortSetting.trunk({200}, native=99))], Deadline.after(10))
    stand.switch.apply([Change(port, PortSetting.access(101))], Deadline.after(10))
    assert stand.device.flashes <= {99, 100, 101, 200}
    assert stand.truth(port)[0]


def test_a_session_that_was_left_behind_is_not_committed(servers: SwitchServers) -> None:
    """What a killed process left in an Arista's session is dropped by the next."""
    stand = simulated("arista-eos", servers)
    first, second, _ = stand.ports
    stand.device.faults.breaks_off_at = "commit"
    with pytest.raises(SwitchUnreachable):
        stand.switch.apply([Change(first, PortSetting.access(100))], Deadline.after(10))
    stand.device.faults.breaks_off_at = ""
    stand.switch.apply([Change(second, PortSetting.access(200))], Deadline.after(10))
    assert (stand.truth(first)[1], stand.truth(second)[1]) == (1, 200)


def test_48_ports_are_one_session(servers: SwitchServers) -> None:
    """A batch logs in once, whatever its size."""
    stand = simulated("cisco-nxos", servers)
    ports = list(stand.device.running.ports)
    before = servers.sessions
    stand.switch.apply([Change(port, PortSetting.access(100)) for port in ports], Deadline.after(30))
    assert servers.sessions == before + 1
    assert {stand.truth(port)[1] for port in ports} == {100}
