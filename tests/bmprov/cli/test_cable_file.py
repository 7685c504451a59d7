"""Files of cables."""

import io
from pathlib import Path

import pytest

from bmprov.cli.cable_file import read
from bmprov.errors import Invalid

CABLE = {"machine": "rack1-07", "nic": "52:54:00:12:34:56", "switch": "leaf-1", "port": "Ethernet1/7", "aggregate": ""}
SECOND = CABLE | {"nic": "1", "port": "Ethernet1/8", "aggregate": "port-channel7"}
CSV = """machine,nic,switch,port,aggregate
rack1-07,5254.0012.3456,leaf-1,Ethernet1/7,

rack1-07, 1, leaf-1, "Ethernet1/8", port-channel7
"""
YAML = """
- {machine: rack1-07, nic: "52:54:00:12:34:56", switch: leaf-1, port: Ethernet1/7}
- machine: rack1-07
  nic: 1
  switch: leaf-1
  port: Ethernet1/8
  aggregate: port-channel7
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cables.csv", CSV),
        ("cables.csv", "\ufeff" + CSV.replace(",", ";").replace("\n", "\r\n")),
        ("cables.txt", CSV.replace(",", "\t")),
        ("cables", CSV),
        ("cables.yaml", YAML),
        ("cables", YAML),
        ("cables.yml", f"cables:{YAML}"),
    ],
)
def test_a_file_is_csv_or_yaml(tmp_path: Path, name: str, text: str) -> None:
    """As a spreadsheet of any language writes it, or as people do; a NIC is a MAC in any spelling or a position."""
    path = tmp_path / name
    path.write_text(text)
    assert read(path) == [CABLE, SECOND]


def test_a_file_may_come_by_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """From another program."""
    monkeypatch.setattr("sys.stdin", io.StringIO(CSV))
    assert read(Path("-")) == [CABLE, SECOND]


def test_the_aggregate_may_be_left_out(tmp_path: Path) -> None:
    """The column too."""
    path = tmp_path / "cables.csv"
    path.write_text("switch,port,machine,nic\nleaf-1,Ethernet1/7,rack1-07,52:54:00:12:34:56\n")
    assert read(path) == [CABLE]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "", "has no column machine"),
        ("a.csv", "machine,nic,switch,port\n", "has 0 cables"),
        ("a.csv", "machine,nic,switch,port,agregate\n", "has a column 'agregate'"),
        ("a.csv", "machine,nic,switch\n", "has no column port"),
        ("a.csv", "machine,nic,switch,port\na,0,leaf-1\n", "line 2: 'port'"),
        ("a.csv", "machine,nic,switch,port\n\na,0,leaf-1,p,q,r\n", "line 3 of .* has more fields"),
        ("a.csv", 'machine,nic,switch,port\na,0,"leaf-1"x,p\n', "is no CSV"),
        ("a.csv", "machine,nic,switch,port\na b,0,leaf-1,p\nc,,leaf-1,p\n", "line 2: 'machine': .*; line 3: 'nic'"),
        ("a.yaml", "", "holds no list of cables"),
        ("a.yaml", "[", "cannot be read"),
        ("a.yaml", "- 7", "cable 1 of .* is no mapping"),
        ("a.yaml", "- {machine: a, nic: 52:54:00:12:34:56, switch: s, port: p}", "put it into quotes"),
        ("a.yaml", "- {machine: a, nic: 0, switch: s}", "cable 1: 'port': Field required"),
        ("a.yaml", "- {machine: a, nic: 0, switch: s, port: p, vlan: 7}", "cable 1: 'vlan': Extra inputs"),
        ("a.yaml", "- {machine: a, nic: true, switch: s, port: p}", "cable 1: 'nic'"),
    ],
)
def test_what_is_wrong_in_a_file(tmp_path: Path, name: str, text: str, words: str) -> None:
    """It is told with its place, before anything is sent."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(Invalid, match=words):
        read(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """It is named."""
    with pytest.raises(Invalid, match="none cannot be read"):
        read(tmp_path / "none")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Invalid, match=r"bytes\.csv cannot be read"):
        read(tmp_path / "bytes.csv")


def test_of_many_wrong_lines_the_first_are_named(tmp_path: Path) -> None:
    """A file of something else would fill the screen."""
    path = tmp_path / "cables.csv"
    path.write_text("machine,nic,switch,port\n" + "a b,0,leaf-1,p\n" * 30)
    with pytest.raises(Invalid, match=r"line 11: .*; and 20 more: nothing was entered"):
        read(path)
