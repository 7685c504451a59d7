"""Machines to enrol, as options and files describe them."""

from pathlib import Path

import pytest

from bmprov.cli.enrolment import bmc_of, body, check, check_nics, differences, nic_of, read
from bmprov.errors import Invalid

GOOD = """
machines:
  - name: rack1-07
    bmc: ipmi://admin@10.1.0.7
    password_file: rack1-07.password
    nics: [52-54-00-12-34-56, "52:54:00:12:34:57,storage,netboot"]
    cpus: 16
    tags: [ssd, gpu]
  - name: rack1-08
    bmc: {address: "ipmi://10.1.0.8:6230", user: root, cipher_suites: [3]}
    password_env: RACK1_08
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "rack1-07.password").write_text("from file\n")
    monkeypatch.setenv("RACK1_08", "from variable")
    path = tmp_path / "machines.yaml"
    path.write_text(GOOD)
    return path


def test_a_file_of_machines(file: Path) -> None:
    """Each machine has the fields of the API, its user from the address and its password from where it says."""
    first, second = (body(machine) for machine in read(file))
    assert first["bmc"] == {
        "address": "ipmi://10.1.0.7",
        "user": "admin",
        "cipher_suites": [],
        "trust": "",
        "privilege": "",
        "password": "from file",
    }
    assert [(nic["mac"], nic["tag"], nic["netboot"]) for nic in first["nics"]] == [
        ("52:54:00:12:34:56", None, False),
        ("52:54:00:12:34:57", "storage", True),
    ]
    assert (second["bmc"]["user"], second["bmc"]["password"]) == ("root", "from variable")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no list of machines"),
        ("[", "cannot be read"),
        ("- 7", "machine 1 of the file is no mapping"),
        ("- {name: a}", r"machine 1 \(a\): 'bmc': Field required"),
        ("- {name: a, bmc: 'ipmi://u:secret@h'}", "a BMC's password does not belong in its address"),
        ("- {name: a, bmc: 'ipmi://u@h', cpu: 4}", "'cpu': Extra inputs are not permitted"),
        ("- {name: a, bmc: 'telnet://u@h'}", "'bmc.address': a BMC's address is a URL such as"),
        ("- {name: a, bmc: 'ipmi://u@h', nics: [x]}", r"'nics.0.mac': a MAC has twelve"),
        ("- {name: a, bmc: 'ipmi://u@h', nics: ['52:54:00:12:34:56,a,b']}", "has 2 tags"),
        ("- {name: a, bmc: 'ipmi://u@h', nics: ['52:54:00:12:34:56,s=1,s=2']}", "has 2 cables"),
        ("- {name: a, bmc: 'ipmi://u@h', nics: ['52:54:00:12:34:56,s=1=2=3']}", "too many parts"),
        ("- {name: a, bmc: 'ipmi://u@h', nics: ['52:54:00:12:34:56,s=']}", "'nics.0.port'"),
        (
            "- {name: a, bmc: 'ipmi://u@h', nics: ['52:54:00:12:34:56,s=1', '52:54:00:12:34:57,s=1']}",
            "port 1 of s stands 2 times",
        ),
        ("- {name: a, bmc: 'ipmi://u@h', password_env: NOT_SET}", "the variable NOT_SET is not set"),
        ("- {name: a, bmc: 'ipmi://u@h', password_file: none}", "the password file .*none cannot be read"),
        ("- {name: a, bmc: 'ipmi://u@h', password_file: f, password_env: e}", "has two passwords"),
        ("[{name: a, bmc: 'ipmi://u@h'}, {name: a, bmc: 'ipmi://u@i'}]", "name a stands 2 times"),
        ("[{name: a, bmc: 'ipmi://u@h'}, {name: b, bmc: 'ipmi://v@h'}]", "BMC ipmi://h stands 2 times"),
        (
            "[{name: a, bmc: 'ipmi://u@h', second_bmc: 'redfish://u@h'}, {name: b, bmc: 'redfish://v@h'}]",
            "stands 2 times",
        ),
        ("- {name: a, bmc: 'redfish://u@h', second_bmc: 'redfish://u@h'}", "the second BMC is the first one again"),
    ],
)
def test_what_is_wrong_in_a_file(tmp_path: Path, text: str, words: str) -> None:
    """The first thing that is wrong is told with the machine and the field, and never a password."""
    path = tmp_path / "machines.yaml"
    path.write_text(text)
    with pytest.raises(Invalid, match=words) as caught:
        read(path)
    assert "secret" not in str(caught.value)


def test_a_machine_with_two_bmcs(tmp_path: Path) -> None:
    """Both get the one password; the certificate to trust is the first one's."""
    path = tmp_path / "machines.yaml"
    (tmp_path / "p").write_text("calvin")
    fingerprint = ":".join(["AB"] * 32)
    first = f"{{address: 'redfish://h/redfish/v1/Systems/2', user: u, trust: 'sha256:{fingerprint}'}}"
    path.write_text(f"- {{name: a, password_file: p, bmc: {first}, second_bmc: 'ipmi://u@h'}}")
    told = body(read(path)[0])
    assert (told["bmc"]["address"], told["bmc"]["trust"]) == (
        "redfish://h/redfish/v1/Systems/2",
        f"sha256:{'ab' * 32}",
    )
    assert told["second_bmc"]["address"] == "ipmi://h"
    assert [told[name]["password"] for name in ("bmc", "second_bmc")] == ["calvin", "calvin"]


def test_a_bmc_address_keeps_its_port_and_brackets() -> None:
    """The user is cut out of the address, also beside an IPv6 address."""
    assert bmc_of("ipmi://ad%40min@[fd77::7]:6230") == {"address": "ipmi://[fd77::7]:6230", "user": "ad@min"}


def test_a_nic_may_be_bare() -> None:
    """A MAC alone is a NIC without a tag from which the machine does not boot."""
    assert nic_of("52:54:00:12:34:56") == {"mac": "52:54:00:12:34:56", "netboot": False}


def test_a_nic_may_be_in_a_bond() -> None:
    """Whose name and mode are one word."""
    assert nic_of("52:54:00:12:34:56,front,bond0=lacp,netboot") == {
        "mac": "52:54:00:12:34:56",
        "netboot": True,
        "tag": "front",
        "bond": "bond0",
        "bond_mode": "lacp",
    }
    with pytest.raises(Invalid, match="has 2 bonds: it is MAC"):
        nic_of("52:54:00:12:34:56,bond0=lacp,bond1=lacp")
    with pytest.raises(Invalid, match="machine a: bond0 has one NIC: a bond has at least two"):
        check_nics(["52:54:00:12:34:56,bond0=lacp"], "machine a")


def test_a_nic_may_have_a_cable() -> None:
    """Its switch and its port, and the aggregate that the port belongs to."""
    cable = {"switch": "leaf-1", "port": "Ethernet1/7"}
    assert nic_of("m,front,netboot,leaf-1=Ethernet1/7") == {"mac": "m", "netboot": True, "tag": "front"} | cable
    assert (
        nic_of("m,leaf-1=Ethernet1/7=port-channel7")
        == {"mac": "m", "netboot": False, "aggregate": "port-channel7"} | cable
    )


def test_what_differs_from_an_enrolled_machine() -> None:
    """A machine is compared by what the API shows of it."""
    nic = {"mac": "52:54:00:12:34:56", "position": 0, "tag": "", "netboot": False, "bond": "", "bond_mode": None}
    nic |= {"cabling": None}
    wanted = check({"name": "a", "bmc": bmc_of("ipmi://u@h"), "nics": [{"mac": nic["mac"]}], "cpus": 4}, "machine a")
    known = body(wanted) | {
        "bmc": {"address": "ipmi://h", "cipher_suites": [], "trust": "", "privilege": ""},
        "nics": [nic],
        "state": "active",
    }
    place = {"switch": "leaf-1", "port": "swp7", "aggregate": None}
    for cables in ({}, {nic["mac"]: place}):  # of a NIC whose cable the file does not tell, anybody may say anything
        assert differences(wanted, known, cables) == []
    assert differences(wanted, known | {"cpus": 8, "nics": []}, {}) == ["cpus", "nics"]


def test_a_nic_that_is_cabled_elsewhere_than_the_file_says() -> None:
    """It is told: the file would be ignored in silence."""
    nics = [{"mac": "52:54:00:12:34:56", "switch": "leaf-1", "port": "swp7"}]
    wanted = check({"name": "a", "bmc": bmc_of("ipmi://u@h"), "nics": nics}, "machine a")
    shown = {"mac": "52:54:00:12:34:56", "position": 0, "tag": "", "netboot": False, "cabling": None}
    shown |= {"bond": "", "bond_mode": None}
    bmc = {"address": "ipmi://h", "cipher_suites": [], "trust": "", "privilege": ""}
    known, there = body(wanted) | {"bmc": bmc, "nics": [shown]}, {"switch": "leaf-1", "port": "swp7", "aggregate": None}
    assert differences(wanted, known, {"52:54:00:12:34:56": there}) == []
    for other in ({}, {"52:54:00:12:34:56": there | {"port": "swp8"}}):
        assert differences(wanted, known, other) == ["cables"]
