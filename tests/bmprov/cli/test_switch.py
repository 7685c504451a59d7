"""`bmprov switch` and `bmprov cable`, against a running service."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bmprov.cabling import Neighbour
from bmprov.settings import load
from bmprov.store import Store
from tests.bmprov.cli.conftest import Said
from tests.bmprov.cli.house import House

Call = Callable[..., Said]
VLANS = ("--vlans", "100-199,1577", "--provisioning-vlan", 10, "--quarantine-vlan", 4000)
PORT = "GigabitEthernet1/0/7"


@pytest.fixture
def leaf(bmprov: Call, fake: str) -> Iterator[str]:
    """A switch for one test, and what is cabled to it; nobody answers at its address."""
    options = ("--user", "bmprov", "--uplink", "GigabitEthernet1/0/48", "--uplink", "Port-channel1", "--save")
    said = bmprov(
        "switch", "add", "leaf-1", "cisco-ios://127.0.0.1:1/", *VLANS, *options, "--password-file", "/dev/null"
    )
    assert said.code == 0, said.err
    assert said.out.startswith("switch leaf-1 at cisco-ios://127.0.0.1:1 is added")
    yield "leaf-1"
    bmprov("cable", "remove", "--yes", fake, 0)
    bmprov("switch", "remove", "--yes", "leaf-1")


def hear(up: House, bmprov: Call, machine: str, port: str) -> None:
    """What the machine's ramdisk would tell."""
    mac = bmprov("machine", "show", machine, "--json").json["nics"][0]["mac"]
    store = Store(load(up.folder / "bmprov.toml").database)
    with store.write() as transaction:
        transaction.cabling.hear([Neighbour(mac, "leaf-1.example.org", "", port)])
    store.close()


def words(said: Said) -> str:
    assert said.code == 0, said.err
    return " ".join(said.out.split())


def test_without_a_switch_the_lists_say_what_to_do(bmprov: Call) -> None:
    """The one who starts is told the next command."""
    assert bmprov("switch", "list").out.strip() == "there is no switch: `bmprov switch add --help`"
    assert bmprov("cable", "list").out.startswith("no cable is known: `bmprov cable set --help`")
    assert bmprov("cable", "list", "--conflicts").out.strip() == "no cable is in doubt"
    assert bmprov("switch", "list", "--json").json == bmprov("cable", "list", "--json").json == []


def test_switches_are_listed_and_shown(bmprov: Call, leaf: str) -> None:
    """People get a table and a record, programs the API's objects; nobody gets a password."""
    table = [line.split() for line in bmprov("switch", "list").out.splitlines()]
    assert table[0] == ["NAME", "ADDRESS", "SITE", "PROVISIONING", "QUARANTINE", "TENANTS", "CABLES", "HEARD", "ERROR"]
    assert table[1] == [leaf, "cisco-ios://127.0.0.1:1", "default", "10", "4000", "100-199,1577", "0", "never"]
    shown = words(bmprov("switch", "show", leaf))
    assert "uplinks GigabitEthernet1/0/48, Port-channel1" in shown
    assert "each change is saved" in shown
    assert "host key any is believed" in shown
    told = bmprov("switch", "show", leaf, "--json").json
    assert bmprov("switch", "list", "--json").json == [told]
    assert "password" not in told
    assert "there is no switch 'leaf-9'" in bmprov("switch", "show", "leaf-9").err


def test_a_switch_is_changed(bmprov: Call, leaf: str) -> None:
    """What is not given stays; a list is told anew as a whole, or emptied; to say nothing is no order."""
    said = bmprov(
        "switch", "set", leaf, "--known-as", "001c.7300.0001", "--known-as", "old", "--no-save", "--vlans", "7"
    )
    assert said.out.strip() == f"{leaf}: known_as, save, vlans changed"
    told = bmprov("switch", "show", leaf, "--json").json
    assert (told["known_as"], told["save"], told["vlans"]) == (["00:1c:73:00:00:01", "old"], False, "7")
    assert told["uplinks"] == ["GigabitEthernet1/0/48", "Port-channel1"]
    assert bmprov("switch", "set", leaf, "--no-uplinks", "--no-known-as").code == 0
    told = bmprov("switch", "show", leaf, "--json").json
    assert (told["uplinks"], told["known_as"]) == ([], [])
    assert bmprov("switch", "set", leaf).code == 2
    said = bmprov("switch", "set", leaf, "--quarantine-vlan", 10)
    assert said.code == 1
    assert "VLAN 10 cannot be both the provisioning and the quarantine VLAN" in said.err


def test_a_private_key_comes_from_a_file(bmprov: Call, leaf: str, tmp_path: Path) -> None:
    """A switch that is added with one needs no password."""
    (tmp_path / "key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert bmprov("switch", "set", leaf, "--key-file", tmp_path / "key").out.strip() == f"{leaf}: key changed"
    vlans = ("--vlans", "100-199", "--provisioning-vlan", 10, "--quarantine-vlan", 4000)
    said = bmprov("switch", "add", "leaf-k", "sonic://10.1.9.9", "--user", "u", "--key-file", tmp_path / "key", *vlans)
    assert said.code == 0, said.err
    assert "leaf-k at sonic://10.1.9.9 is added" in said.out
    assert bmprov("switch", "remove", "--yes", "leaf-k").code == 0


def test_a_password_comes_from_a_file_the_environment_or_a_person(
    bmprov: Call, leaf: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And from nowhere else: it is never an argument, which every user of the host could read."""
    (tmp_path / "enable").write_text("geheim\n")
    monkeypatch.setattr("os.isatty", lambda _: False)
    said = bmprov("switch", "set", leaf, "--new-password")
    assert "no password for the switch: give --password-file or set BMPROV_SWITCH_PASSWORD" in said.err
    monkeypatch.setenv("BMPROV_SWITCH_PASSWORD", "geheim")
    said = bmprov("switch", "set", leaf, "--new-password", "--enable-file", tmp_path / "enable")
    assert said.out.strip() == f"{leaf}: enable, password changed"
    monkeypatch.setenv("BMPROV_SWITCH_ENABLE", "geheim")
    assert bmprov("switch", "set", leaf, "--save").out.strip() == f"{leaf}: enable, save changed"
    monkeypatch.delenv("BMPROV_SWITCH_PASSWORD")
    monkeypatch.setattr("os.isatty", lambda _: True)
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: "geheim")
    assert "password, user changed" in bmprov("switch", "set", leaf, "--new-password", "--user", "root").out
    said = bmprov("switch", "add", "leaf-2", "cisco-ios://u:geheim@h", *VLANS, "--user", "u")
    assert "neither user nor password" in said.err
    assert "geheim" not in said.err


def test_a_fake_and_a_bridge_of_this_host_want_no_password(bmprov: Call) -> None:
    """Nobody is asked for one."""
    assert bmprov("switch", "add", "br0", "linux-bridge:///br0", *VLANS).code == 0
    assert "no configuration to save" in bmprov("switch", "set", "br0", "--save").err
    assert bmprov("switch", "remove", "--yes", "br0").out.strip() == "br0 is removed"


def test_a_cable_is_set_shown_and_removed(bmprov: Call, leaf: str, fake: str) -> None:
    """By the NIC's position or its MAC; the machine shows it too."""
    mac = bmprov("machine", "show", fake, "--json").json["nics"][0]["mac"]
    said = bmprov("cable", "set", fake, 0, leaf, PORT, "--aggregate", "Port-channel7")
    to = f"{leaf} {PORT} in Port-channel7"
    assert said.out.strip() == f"NIC {mac} of {fake}: {to} (by hand)"
    [told] = bmprov("cable", "list", "--json").json
    assert bmprov("cable", "show", fake, mac.upper(), "--json").json == told
    shown = words(bmprov("cable", "show", fake, 0))
    assert f"NIC 0, {mac}" in shown
    assert f"by hand {to}, 0." in shown
    assert "ago by up-admin" in shown or "ago by " in shown
    assert f"{mac} {to} (by hand)" in words(bmprov("machine", "show", fake))
    assert "write GigabitEthernet1/0/8" in bmprov("cable", "set", fake, 0, leaf, "Gi1/0/8").err
    assert "NICs are cabled to switch 'leaf-1'" in bmprov("switch", "remove", "--yes", leaf).err
    assert bmprov("cable", "remove", "--yes", fake, 0).out.strip() == f"the cable of NIC 0 of {fake} is forgotten"
    assert bmprov("cable", "list", "--json").json == []


def test_what_is_in_doubt_is_listed(bmprov: Call, leaf: str, fake: str, up: House) -> None:
    """With who says what, until a person decides."""
    assert bmprov("cable", "set", fake, 0, leaf, PORT).code == 0
    hear(up, bmprov, fake, "Gi1/0/8")
    listed = words(bmprov("cable", "list", "--conflicts"))
    assert "hand: leaf-1 GigabitEthernet1/0/7; lldp: leaf-1.example.org Gi1/0/8" in listed
    doubt = "LLDP says leaf-1 GigabitEthernet1/0/8"
    assert listed.endswith(doubt)
    assert f"in doubt: {doubt}" in words(bmprov("machine", "show", fake))
    assert f"in doubt {doubt}" in words(bmprov("cable", "show", fake, 0))
    assert "(by hand, lldp)" in bmprov("cable", "set", fake, 0, leaf, "GigabitEthernet1/0/8").out
    assert bmprov("cable", "list", "--conflicts", "--machine", fake).out.strip() == "no cable is in doubt"


def test_what_lldp_says_of_a_switch_that_is_not_known(bmprov: Call, fake: str, up: House) -> None:
    """It is shown, and means no port."""
    hear(up, bmprov, fake, "Gi1/0/8")
    told = "on no switch known here (lldp: leaf-1.example.org Gi1/0/8)"
    assert told in words(bmprov("machine", "show", fake))
    assert "no port of a switch known here" in words(bmprov("cable", "show", fake, 0))
    assert bmprov("cable", "remove", "--yes", fake, 0).code == 0


def test_a_file_is_imported_as_a_whole(
    bmprov: Call, leaf: str, fake: str, up: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second time nothing is new; what is in doubt is pointed at; a wrong line leaves nothing."""
    text = f"machine,nic,switch,port\n{fake},0,{leaf},{PORT}\n"

    def imported(text: str) -> Said:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        return bmprov("cable", "import", "-")

    said = imported(f"{text}{fake},1,{leaf},GigabitEthernet1/0/8\n")
    assert said.code == 1
    assert f"cable 2 ({fake} 1): machine '{fake}' has no NIC '1'" in said.err
    assert bmprov("cable", "list", "--json").json == []
    assert imported(text).out.strip() == "entered: 1, known just so: 0"
    hear(up, bmprov, fake, "Gi1/0/8")
    assert imported(text).out.splitlines() == [
        "entered: 0, known just so: 1",
        "in doubt: 1, see `bmprov cable list --conflicts`",
    ]


def test_a_machine_is_enrolled_with_its_cable(bmprov: Call, leaf: str) -> None:
    """A file that is given again leaves it alone, unless its cable has been told otherwise since."""
    nic = f"02:00:77:00:00:01,netboot,{leaf}=GigabitEthernet1/0/9"
    enrol = ("machine", "enroll", "rack7-01", "--bmc", "fake://77", "--nic", nic)
    assert bmprov(*enrol).code == 0
    assert "leaf-1 GigabitEthernet1/0/9 (by file)" in words(bmprov("machine", "show", "rack7-01"))
    assert "1 of 1 machines are enrolled already" in words(bmprov(*enrol))
    assert bmprov("cable", "set", "rack7-01", 0, leaf, "GigabitEthernet1/0/10").code == 0
    assert "enrolled already with other values of cables" in bmprov(*enrol).err
    assert bmprov("machine", "remove", "--yes", "rack7-01").code == 0
    said = bmprov(*enrol[:-1], nic.replace(leaf, "leaf-9"))
    assert "machine 'rack7-01' is cabled to switch 'leaf-9', which is not known" in said.err
    assert "there is no machine 'rack7-01'" in bmprov("machine", "show", "rack7-01").err
