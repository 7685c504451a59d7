"""A Linux bridge on this host: what iproute2 may say, what a host may do wrong. The real one is in the contract."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError, Invalid, SwitchAuthFailed, SwitchMismatch, SwitchRefused, SwitchUnreachable
from bmprov.switch import Change, PortMode, PortSetting, PortState, SwitchLogin
from tests import debian
from tests.sim_switch.shells import SonicSwitch
from tests.sim_switch.ssh import SwitchServers, switch_servers
from worker.switches.commands import LocalCommands, SshCommands
from worker.switches.linux_bridge import LinuxBridgeSwitch
from worker.switches.switch_lock import LocalSwitchLock

SCRIPT = """#!/bin/sh
# Answers as `ip` and `bridge` do from the files beside it, and writes down what it was asked.
cd "$(dirname "$0")"
for word in "$@"; do printf '[%s]' "$word" >> asked; done; echo >> asked
case "$*" in *show*) cat "$(basename "$0").json" ;; esac
"""


def bridge_of(folder: Path, links: Any, vlans: Any) -> LinuxBridgeSwitch:  # noqa: ANN401 - whatever JSON can hold
    """A bridge on this host whose programs are ours, found before the host's."""
    for name, told in (("ip", links), ("bridge", vlans)):
        (folder / name).write_text(SCRIPT)
        (folder / name).chmod(0o755)
        (folder / f"{name}.json").write_text(told if isinstance(told, str) else json.dumps(told))
    commands = LocalCommands(["env", f"PATH={folder}:{os.environ['PATH']}"])
    return LinuxBridgeSwitch("linux-bridge:///", "br0", commands, LocalSwitchLock())


def link(name: str = "p1", flags: Sequence[str] = ("BROADCAST", "UP"), **more: str) -> dict[str, Any]:
    return {"ifindex": 4, "ifname": name, "flags": list(flags), "master": "br0", **more}


@pytest.mark.parametrize(
    ("vlans", "state"),
    [
        ([], PortState("p1", enabled=True, mode=PortMode.OTHER)),
        (
            [{"vlan": 1, "flags": ["PVID", "Egress Untagged"]}],
            PortState("p1", enabled=True, mode=PortMode.ACCESS, untagged=1),
        ),
        (
            [{"vlan": 99, "flags": ["PVID", "Egress Untagged"]}, {"vlan": 100, "vlanEnd": 102}],
            PortState("p1", enabled=True, mode=PortMode.TRUNK, untagged=99, tagged=frozenset({100, 101, 102})),
        ),
        ([{"vlan": 100}], PortState("p1", enabled=True, mode=PortMode.TRUNK, tagged=frozenset({100}))),
        # untagged on the way out only: what comes back without a tag is dropped
        (
            [{"vlan": 100, "flags": ["Egress Untagged"]}],
            PortState("p1", enabled=True, mode=PortMode.OTHER, tagged=frozenset({100})),
        ),
        # taken without a tag, given with one
        ([{"vlan": 100, "flags": ["PVID"]}], PortState("p1", enabled=True, mode=PortMode.OTHER, untagged=100)),
    ],
)
def test_what_a_port_carries(tmp_path: Path, vlans: list[dict[str, Any]], state: PortState) -> None:
    """A port is access or a trunk only when what has no tag comes and goes in one and the same VLAN."""
    bridge = bridge_of(tmp_path, [{}, link()], [{"ifname": "p1", "vlans": vlans}] if vlans else [])
    assert bridge.read(["p1"], Deadline.after(5)) == {"p1": state}


def test_a_port_in_disorder_is_made_anew(tmp_path: Path) -> None:
    """Whatever it carries goes before the new VLANs come, even those that have the right number."""
    vlans = [{"ifname": "p1", "vlans": [{"vlan": 100, "flags": ["Egress Untagged"]}, {"vlan": 200, "vlanEnd": 201}]}]
    bridge = bridge_of(tmp_path, [link()], vlans)
    plan = bridge.plan([Change("p1", PortSetting.trunk({200}, native=100))], Deadline.after(5))
    assert plan.commands == [
        "bridge vlan del dev p1 vid 100",
        "bridge vlan del dev p1 vid 200-201",
        "bridge vlan add dev p1 vid 100 pvid untagged",
        "bridge vlan add dev p1 vid 200",
    ]


def test_what_does_not_read_back(tmp_path: Path) -> None:
    """Commands that succeed and change nothing are found out; a description arrives as one argument."""
    bridge = bridge_of(tmp_path, [link()], [])
    change = Change("p1", PortSetting.access(100), enabled=False, description="rack1-07 (eth0)")
    with pytest.raises(SwitchMismatch, match="port p1 is neither an access port nor a trunk, not access VLAN 100"):
        bridge.apply([change], Deadline.after(5))
    asked = (tmp_path / "asked").read_text()
    assert "[link][set][dev][p1][alias][rack1-07 (eth0)]" in asked
    assert "[vlan][add][dev][p1][vid][100][pvid][untagged]" in asked


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"a": 1}', '[{"ifname": "p1"}]', "\x00", "null", '[{"ifname": "p1", "flags": 1}]']
)
def test_garbage(tmp_path: Path, text: str) -> None:
    """What iproute2 does not say is an error of ours, and no port."""
    with pytest.raises((SwitchMismatch, SwitchRefused)):
        bridge_of(tmp_path, text, []).read(["p1"], Deadline.after(5))
    with pytest.raises((SwitchMismatch, SwitchRefused)):
        bridge_of(tmp_path, [link()], '[{"ifname": "p1", "vlans": [{"vlan": "many"}]}]').read(["p1"], Deadline.after(5))


def test_no_iproute2(tmp_path: Path) -> None:
    """A program that is not there is told with what to install."""
    commands = LocalCommands([str(tmp_path / "nothing")])
    with pytest.raises(SwitchRefused, match="install iproute2"):
        LinuxBridgeSwitch("linux-bridge:///", "br0", commands, LocalSwitchLock()).read(["p1"], Deadline.after(5))


def test_a_host_that_hangs() -> None:
    """A command that does not end is left at the deadline."""
    commands, began = LocalCommands(["sh", "-c", "sleep 20", "sh"]), time.monotonic()
    with pytest.raises(SwitchUnreachable, match="in time"):
        LinuxBridgeSwitch("linux-bridge:///", "br0", commands, LocalSwitchLock()).read(["p1"], Deadline.after(0.3))
    assert time.monotonic() - began < 3


def test_a_bridge_that_is_not_there() -> None:
    """The real `ip` says so, and its words are told."""
    commands = LocalCommands(["env", f"PATH={debian._PATH}"])
    debian.program("bridge", "iproute2")
    switch = LinuxBridgeSwitch("linux-bridge:///", "no-such-bridge", commands, LocalSwitchLock())
    with pytest.raises(SwitchRefused, match="no-such-bridge"):
        switch.read(["p1"], Deadline.after(5))


@pytest.mark.parametrize("name", ["--all", "a b", "$(x)", "a" * 16, "br0/../x", ""])
def test_names_that_are_none(name: str) -> None:
    """Nothing that `ip` could take for an option or a path."""
    with pytest.raises(Invalid):
        LinuxBridgeSwitch("linux-bridge:///", name, LocalCommands(), LocalSwitchLock())


@pytest.fixture(scope="module")
def servers() -> Iterator[SwitchServers]:
    with switch_servers() as servers:
        yield servers


def test_over_ssh_a_wrong_password_is_told(servers: SwitchServers) -> None:
    """As for every other switch, and the password is not in the error."""
    port = servers.start(SonicSwitch({}, set()))
    commands = SshCommands(SwitchLogin(f"linux-bridge://127.0.0.1:{port}/br0", "admin", "not the password"))
    with pytest.raises(SwitchAuthFailed) as caught, commands.open(Deadline.after(5)):
        pass
    assert "not the password" not in str(caught.value)


def test_over_ssh_another_host_key(servers: SwitchServers) -> None:
    """A host that is not the one that is trusted is not logged in to."""
    port = servers.start(SonicSwitch({}, set()))
    login = SwitchLogin(f"linux-bridge://127.0.0.1:{port}/br0", "admin", "secret", host_key="SHA256:" + "A" * 43)
    with pytest.raises(SwitchRefused, match="host key"), SshCommands(login).open(Deadline.after(5)):
        pass


def test_a_real_bridge_in_a_namespace() -> None:
    """Where this host's kernel filters VLANs: set, read back, and told by `bridge` itself."""
    ip, bridge = debian.program("ip", "iproute2"), debian.program("bridge", "iproute2")
    if os.geteuid() != 0:
        debian.missing("a network namespace", "run as root")
    name = f"bmprov-switch-{os.getpid()}"
    subprocess.run([ip, "netns", "add", name], check=True)
    inside = [ip, "netns", "exec", name]
    try:
        made = subprocess.run([*inside, ip, "link", "add", "br0", "type", "bridge", "vlan_filtering", "1"], check=False)
        if made.returncode:
            pytest.skip(
                "this host's kernel is built without CONFIG_BRIDGE_VLAN_FILTERING; QEMU's has it (contract suite)"
            )
        for words in (("add", "p1", "type", "veth", "peer", "name", "m1"), ("set", "p1", "master", "br0", "up")):
            subprocess.run([*inside, ip, "link", *words], check=True)
        switch = LinuxBridgeSwitch("linux-bridge:///", "br0", LocalCommands(inside), LocalSwitchLock())
        setting = PortSetting.trunk({100, 101}, native=99)
        assert switch.apply([Change("p1", setting)], Deadline.after(10)).after["p1"].carries(setting)
        told = subprocess.run(
            [*inside, bridge, "vlan", "show", "dev", "p1"], capture_output=True, text=True, check=True
        )
        assert "99 PVID Egress Untagged" in told.stdout
        with pytest.raises(BmprovError, match="no port m1"):
            switch.read(["m1"], Deadline.after(5))
    finally:
        subprocess.run([ip, "netns", "delete", name], check=True)
