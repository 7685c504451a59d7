"""48 ports of one switch get another VLAN: one session for all, a session for each, and netmiko with one for each.

The switch is simulated (tests/sim_switch), behind a real SSH server, and takes as long as small switches do: `LOGIN_S`
for a login, `ANSWER_S` for each line. What netmiko is told is what bmprov's driver sends; netmiko reads nothing back.
What the switch's ports carry in the end is looked at after each way.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import netmiko

from bmprov.deadline import Deadline
from bmprov.switch import Change, PortSetting
from bmprov.switch_address import SwitchAddress
from tests.bench.measure import BenchError
from tests.contract.switches import SimulatedStand, simulated
from tests.sim_switch.ssh import SwitchServers, switch_servers

PORTS, LOGIN_S, ANSWER_S = 48, 0.3, 0.03
_DIALECTS = {"cisco-ios": "cisco_ios", "arista-eos": "arista_eos"}
_PEER = "netmiko, a session each"
_BY_S = 600.0


@dataclass(frozen=True)
class Took:
    """What one way of changing all ports took."""

    seconds: float
    sessions: int
    lines: int


def bench_switches(ports: int = PORTS) -> Iterator[str]:
    """Each dialect in three ways."""
    yield f"## {ports} ports of one switch, {LOGIN_S:g} s for a login, {ANSWER_S:g} s for each line"
    with switch_servers() as servers:
        for dialect in _DIALECTS:
            took = _three_ways(dialect, servers, ports)
            peer = took[_PEER]
            for way, one in took.items():
                yield (
                    f"{dialect:12} {way:26} {one.seconds:7.1f} s  {one.sessions:3} sessions  {one.lines:5} lines  "
                    f"{one.seconds / peer.seconds:5.2f} of netmiko"
                )


def _three_ways(dialect: str, servers: SwitchServers, count: int) -> Mapping[str, Took]:
    stand = simulated(dialect, servers, count)
    names = list(stand.device.running.ports)
    stand.device.faults.delay_s, stand.device.faults.login_s = ANSWER_S, LOGIN_S

    def one_session(vlan: int) -> None:
        stand.switch.apply([Change(name, PortSetting.access(vlan)) for name in names], Deadline.after(_BY_S))

    def a_session_each(vlan: int) -> None:
        for name in names:
            stand.switch.apply([Change(name, PortSetting.access(vlan))], Deadline.after(_BY_S))

    def by_netmiko(vlan: int) -> None:
        for name in names:
            _netmiko(stand, dialect, name, vlan)

    return {
        "bmprov, one session": _measured(stand, servers, one_session, 100),
        "bmprov, a session each": _measured(stand, servers, a_session_each, 101),
        _PEER: _measured(stand, servers, by_netmiko, 200),
    }


def _measured(stand: SimulatedStand, servers: SwitchServers, change: Callable[[int], None], vlan: int) -> Took:
    sessions, lines, began = servers.sessions, len(stand.device.said), time.perf_counter()
    change(vlan)
    took = Took(time.perf_counter() - began, servers.sessions - sessions, len(stand.device.said) - lines)
    wrong = [name for name in stand.device.running.ports if stand.truth(name)[1:3] != (vlan, frozenset())]
    if wrong:
        raise BenchError(f"ports {', '.join(wrong)} do not carry VLAN {vlan}")
    return took


def _netmiko(stand: SimulatedStand, dialect: str, name: str, vlan: int) -> None:
    at = SwitchAddress.parse(stand.login.address)
    with netmiko.ConnectHandler(
        device_type=_DIALECTS[dialect],
        host=at.host,
        port=at.port,
        username=stand.login.user,
        password=stand.login.password,
        secret=stand.login.enable,
    ) as connection:
        connection.enable()
        connection.send_config_set([f"interface {name}", "switchport mode access", f"switchport access vlan {vlan}"])
