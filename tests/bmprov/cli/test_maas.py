"""`bmprov maas`, against a running service."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bmprov.lifecycle import State
from bmprov.model import BackEnd, Bmc, Machine
from bmprov.settings import load
from bmprov.store import Store
from tests.bmprov.cli.conftest import Said
from tests.bmprov.cli.house import House

Call = Callable[..., Said]
KEY = "consumer:token:geheim"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    return path


@pytest.fixture
def lab(bmprov: Call, key_file: Path) -> Iterator[str]:
    """A region for one test; nobody answers at its address."""
    said = bmprov("maas", "add", "lab", "http://127.0.0.1:1/MAAS/", "--key-file", key_file, "--zone", "z1")
    assert said.code == 0, said.err
    assert said.out.startswith("MAAS region lab at http://127.0.0.1:1/MAAS is added")
    yield "lab"
    bmprov("maas", "remove", "--yes", "lab")


@pytest.fixture
def machine(up: House, lab: str) -> str:
    """A machine of the region, as `watch` would enter it."""
    store = Store(load(up.folder / "bmprov.toml").database)
    with store.write() as transaction:
        bmc = Bmc(f"maas://{lab}/4y3h7n", "", b"")
        transaction.machines.add(
            Machine("m-1", "node-1", bmc, (), back_end=BackEnd.MAAS, state=State.AVAILABLE, site="nowhere")
        )
    store.close()
    return "node-1"


def test_regions_are_listed_and_shown(bmprov: Call, lab: str) -> None:
    """People get a table and a record, programs the API's objects; nobody gets the key."""
    table = [line.split() for line in bmprov("maas", "list").out.splitlines()]
    assert table[0] == ["NAME", "URL", "ZONE", "MACHINES", "LISTED", "ERROR"]
    assert table[1][:5] == [lab, "http://127.0.0.1:1/MAAS", "z1", "0", "never"]
    [listed] = bmprov("maas", "list", "--json").json
    assert (listed["name"], listed["machines"], listed["erase"]) == ("lab", 0, "none")
    assert "key" not in listed
    shown = " ".join(bmprov("maas", "show", lab).out.split())
    assert "machines 0, listed never" in shown
    assert "disks are erased none" in shown
    assert bmprov("maas", "show", lab, "--json").json["id"] == listed["id"]
    assert "there is no MAAS region 'bal'" in bmprov("maas", "show", "bal").err


def test_without_a_region_the_list_says_what_to_do(bmprov: Call) -> None:
    """The one who starts is told the next command."""
    assert bmprov("maas", "list").out.strip() == "there is no MAAS region: `bmprov maas add --help`"
    assert bmprov("maas", "list", "--json").json == []


def test_a_region_is_changed(bmprov: Call, lab: str) -> None:
    """What is not given stays, an empty text takes back, and to say nothing is no order."""
    said = bmprov("maas", "set", lab, "--erase", "quick", "--create-networks", "--cloud", "c1")
    assert said.out.strip() == "lab: cloud, create_networks, erase changed"
    shown = " ".join(bmprov("maas", "show", lab).out.split())
    assert "zone z1" in shown
    assert "for cloud c1" in shown
    assert "what it lacks is made there" in shown
    assert bmprov("maas", "set", lab, "--zone", "", "--no-create-networks").code == 0
    told = bmprov("maas", "show", lab, "--json").json
    assert (told["zone"], told["create_networks"], told["erase"]) == ("", False, "quick")
    assert bmprov("maas", "set", lab).code == 2
    assert bmprov("maas", "set", lab, "--url", "https://127.0.0.1:2").code == 0
    assert bmprov("maas", "show", lab, "--json").json["url"] == "https://127.0.0.1:2/MAAS"


def test_a_key_comes_from_a_file_standard_input_or_the_environment(
    bmprov: Call, lab: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And from nowhere else: it is never an argument, which every user of the host could read."""
    changed = f"{lab}: key changed"
    assert bmprov("maas", "set", lab, "--key-file", key_file).out.strip() == changed
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
    assert bmprov("maas", "set", lab, "--key-file", "-").out.strip() == changed
    monkeypatch.setenv("BMPROV_MAAS_KEY", KEY)
    assert bmprov("maas", "set", lab, "--new-key").out.strip() == changed
    monkeypatch.setenv("BMPROV_MAAS_KEY", "geheim")
    said = bmprov("maas", "set", lab, "--new-key")
    assert said.code == 1
    assert "three parts" in said.err
    assert "geheim" not in said.err
    said = bmprov("maas", "add", "b", "http://127.0.0.1:3", "--key-file", key_file.with_name("none"))
    assert "none cannot be read" in said.err


def test_a_person_at_a_terminal_is_asked(bmprov: Call, lab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unseen, and what is typed is held against what a key looks like."""
    monkeypatch.setattr("os.isatty", lambda _: True)
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: KEY)
    assert bmprov("maas", "set", lab, "--new-key").out.strip() == f"{lab}: key changed"
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: "geheim")
    assert "three parts" in bmprov("maas", "set", lab, "--new-key").err


def test_without_a_key_nothing_is_sent(bmprov: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can be asked, the sentence says where a key is looked for."""
    monkeypatch.setattr("os.isatty", lambda _: False)
    said = bmprov("maas", "add", "b", "http://127.0.0.1:3")
    assert said.code == 1
    assert "give --key-file or set BMPROV_MAAS_KEY" in said.err
    assert bmprov("maas", "list", "--json").json == []


def test_a_machine_of_maas_is_shown_as_such(bmprov: Call, machine: str) -> None:
    """Its region and its system id instead of a BMC; the region counts it and takes it along."""
    shown = " ".join(bmprov("machine", "show", machine).out.split())
    assert "MAAS region lab, system 4y3h7n" in shown
    assert "back end maas" in shown
    assert bmprov("machine", "show", machine, "--json").json["bmc"]["address"] == "maas://lab/4y3h7n"
    assert bmprov("maas", "show", "lab", "--json").json["machines"] == 1
    assert "change it there, in MAAS" in bmprov("machine", "set", machine, "--secure-boot").err
    assert bmprov("maas", "remove", "--yes", "lab").out.strip() == "lab is removed"
    assert bmprov("machine", "show", machine).code == 1


def test_a_machine_of_maas_is_not_enrolled_by_hand(bmprov: Call) -> None:
    """The refusal says how its machines come."""
    said = bmprov("machine", "enroll", "node-9", "--bmc", "maas://lab/4y3h7n")
    assert said.code == 1
    assert "`bmprov maas add`" in said.err
