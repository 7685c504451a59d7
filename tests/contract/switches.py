"""The switches that the one suite is run on: the fake, nine command lines over real SSH, and a real Linux bridge."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from bmprov.deadline import Deadline
from bmprov.switch import PortState, Switch, SwitchLogin
from tests.sim_switch.arista_dell import EosSwitch, Os10Switch
from tests.sim_switch.bridge_machine import PORTS
from tests.sim_switch.cisco import IosSwitch, NxosSwitch
from tests.sim_switch.comware import ComwareSwitch
from tests.sim_switch.device import Device, Port
from tests.sim_switch.junos import JunosSwitch
from tests.sim_switch.shells import CumulusSwitch, SonicSwitch
from tests.sim_switch.srlinux import SrLinuxSwitch
from tests.sim_switch.ssh import SwitchServers
from worker.switches.command_line import CommandLineSwitch
from worker.switches.commands import SshCommands
from worker.switches.dialects import DIALECTS
from worker.switches.fake import FakeSwitch, MemoryNotes
from worker.switches.linux_bridge import LinuxBridgeSwitch
from worker.switches.switch_lock import LocalSwitchLock

VLANS = {1, 99, 100, 101, 200}
Truth = tuple[bool, int | None, frozenset[int], str]


@dataclass(frozen=True)
class Stand:
    """A switch in a test: the driver, three of its ports, and what its hardware does with them.

    `unknown` is a port that it could have and has not. `keeps` says whether it can save.
    """

    switch: Switch
    ports: tuple[str, str, str]
    truth: Callable[[str], Truth]
    unknown: str
    needs_native: bool = False
    keeps: bool = True


@dataclass(frozen=True)
class SimulatedStand(Stand):
    """One that is simulated, and may do wrong."""

    device: Device = None  # type: ignore[assignment] # always given; fields behind a base's defaults need one
    login: SwitchLogin = None  # type: ignore[assignment] # as above

    def told(self, **changes: object) -> Switch:
        """The same switch with another login."""
        login = replace(self.login, **changes)  # type: ignore[arg-type] # fields of a login
        return CommandLineSwitch(login, DIALECTS[login.address.partition("://")[0]], LocalSwitchLock())


def _ports(*names: str) -> dict[str, Port]:
    return {name: Port() for name in names}


MODELS: dict[str, tuple[Callable[[list[str]], Device], str]] = {
    "cisco-ios": (lambda names: IosSwitch(_ports(*names), VLANS), "GigabitEthernet1/0/{}"),
    "cisco-nxos": (lambda names: NxosSwitch(_ports(*names), VLANS), "Ethernet1/{}"),
    "arista-eos": (lambda names: EosSwitch(_ports(*names), VLANS), "Ethernet{}"),
    "juniper-junos": (lambda names: JunosSwitch(names, VLANS), "xe-0/0/{}"),
    "dell-os10": (lambda names: Os10Switch(_ports(*names), VLANS), "ethernet1/1/{}"),
    "hpe-comware": (lambda names: ComwareSwitch(_ports(*names), VLANS), "Ten-GigabitEthernet1/0/{}"),
    "nokia-srlinux": (lambda names: SrLinuxSwitch(names, VLANS), "ethernet-1/{}"),
    "sonic": (lambda names: SonicSwitch(_ports(*names), VLANS), "Ethernet{}"),
    "cumulus": (lambda names: CumulusSwitch(_ports(*names), VLANS), "swp{}"),
}


def simulated(name: str, servers: SwitchServers, count: int = 48) -> SimulatedStand:
    """A simulated switch of this dialect with so many ports, behind SSH."""
    make, pattern = MODELS[name]
    names = [pattern.format(number) for number in range(1, count + 1)]
    device = make(names)
    login = SwitchLogin(
        f"{name}://127.0.0.1:{servers.start(device)}", device.user, device.password, device.enable_password
    )
    return SimulatedStand(
        CommandLineSwitch(login, DIALECTS[name], LocalSwitchLock()),
        (names[0], names[1], names[2]),
        device.port,
        pattern.format(count + 1),
        DIALECTS[name].needs_native,
        device=device,
        login=login,
    )


def fake() -> Stand:
    """The fake that ships."""
    switch = FakeSwitch("fake://tor1", ["1", "2", "3"], MemoryNotes(), LocalSwitchLock())

    def truth(port: str) -> Truth:
        return as_truth(switch.read([port], Deadline.after(1))[port])

    return Stand(switch, ("1", "2", "3"), truth, "4")


def as_truth(state: PortState) -> Truth:
    """A port's state in the form that tells what the hardware does."""
    return state.enabled, state.untagged, state.tagged, state.description


BRIDGE = "linux-bridge"
"""The name of the real Linux bridge, in a machine of its own."""


@contextmanager
def linux_bridge(login: SwitchLogin) -> Iterator[Stand]:
    """The bridge in the machine that is logged in to so, its ports as after its boot."""
    commands = SshCommands(login)
    with commands.open(Deadline.after(20)) as run:
        run(["reset-ports"], Deadline.after(20))
        switch = LinuxBridgeSwitch(login.address, "br0", commands, LocalSwitchLock())

        def said(*command: str) -> str:
            return run(command, Deadline.after(20)).output

        def truth(port: str) -> Truth:
            link = said("ip", "link", "show", "dev", port)
            described = link.partition("alias ")[2].strip()
            return " state DOWN" not in link, *in_words(said("bridge", "vlan", "show", "dev", port)), described

        yield Stand(switch, PORTS, truth, "port9", keeps=False)


def in_words(text: str) -> tuple[int | None, frozenset[int]]:
    """The VLANs in what `bridge vlan show` prints for people: the port's name, then a VLAN a line."""
    untagged, tagged = None, set[int]()
    for words in (line.replace("port", " port").split() for line in text.splitlines()[1:]):
        vlan = next((int(word) for word in words if word.isdigit()), None)
        if "Untagged" in words and "PVID" in words:
            untagged = vlan
        elif vlan is not None:
            tagged.add(vlan)
    return untagged, frozenset(tagged)


@contextmanager
def _fake(servers: SwitchServers) -> Iterator[Stand]:  # noqa: ARG001 - like the others
    yield fake()


@contextmanager
def _simulated(name: str, servers: SwitchServers) -> Iterator[Stand]:
    yield simulated(name, servers)


SWITCHES: dict[str, Callable[[SwitchServers], AbstractContextManager[Stand]]] = {
    "fake": _fake,
    **{name: partial(_simulated, name) for name in MODELS},
}
