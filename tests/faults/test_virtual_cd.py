"""A deployment from a virtual CD, on a whole service whose workers die: it completes, and nobody asks for DHCP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bmprov.cli.main import run
from tests.faults.conftest import House, until

MACHINE = "sim-r01-u03"  # every third speaks Redfish


@pytest.fixture
def from_cd(healthy: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """The house with a machine that boots the ramdisk from its BMC's virtual CD."""
    monkeypatch.setenv("BMPROV_DATA", str(healthy.folder))
    assert run(["machine", "set", MACHINE, "--boot-from", "virtual-media"]) == 0
    yield healthy
    healthy.ask(f"/machines/{MACHINE}/release", "POST")
    until(lambda: len(healthy.machines("available")) == len(healthy.ask("/machines")["machines"]), "the release", 30)
    assert run(["machine", "set", MACHINE, "--boot-from", "network"]) == 0


def test_a_worker_dies_while_it_inserts_the_cd(from_cd: House, tmp_path: Path) -> None:
    """The next one goes on: the instance runs, its image was written once, and the CD is out of the drive."""
    from_cd.tune(bmc_faults={"slow_s": 0.1})
    cloudstack, result = from_cd.cloudstack(tmp_path), []
    instance = from_cd.instance(machine=MACHINE)
    creating = from_cd.in_background(lambda: result.append(cloudstack.create(instance)))
    until(lambda: (one := under_way(from_cd)) is not None and one["step"] == "virtual CD: insert", "the insertion")
    assert from_cd.kill("worker") == 2
    creating.join(60)
    assert result[0].succeeded, result[0].told
    machine = from_cd.ask(f"/machines/{MACHINE}")
    assert (machine["state"], machine["power"]["power"]) == ("active", "on")
    newest = next(one for one in from_cd.ask("/operations?limit=5")["operations"] if one["kind"] == "deploy")
    assert from_cd.calls(newest["id"], "/ramdisk/v1/done") == 1
    assert newest["id"] not in (from_cd.folder / "log" / "pxe-dhcp.log").read_text()
    assert run(["machine", "check", MACHINE]) == 0


def under_way(house: House) -> dict[str, object] | None:
    """What is being done to the machine."""
    operation: dict[str, object] | None = house.ask(f"/machines/{MACHINE}")["operation"]
    return operation
