"""The client commands, against a running service with two simulated machines."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bmprov.cli.conftest import Said

Call = Callable[..., Said]
SIM = "sim-r01-u01"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "disk.raw"
    path.write_bytes(b"a disk" * 10_000)
    return path


@pytest.fixture
def image(bmprov: Call, raw: Path) -> Iterator[str]:
    assert bmprov("image", "add", "debian-12", raw).code == 0
    yield "debian-12"
    bmprov("image", "remove", "debian-12")


def test_machines_are_listed(bmprov: Call) -> None:
    """People get a table with a line for each machine, programs the API's objects."""
    table = bmprov("machine", "list").out.splitlines()
    assert table[0].split()[:3] == ["NAME", "STATE", "POWER"]
    assert [line.split()[:2] for line in table[1:]] == [[SIM, "available"], ["sim-r01-u02", "available"]]
    assert [one["name"] for one in bmprov("machine", "list", "--json").json] == [SIM, "sim-r01-u02"]
    assert bmprov("machine", "list", "--state", "error").out.startswith("no such machine")


def test_a_machine_is_shown(bmprov: Call) -> None:
    """A machine's record names its BMC and its NICs, and no password."""
    said = bmprov("machine", "show", SIM)
    assert re.search(r"BMC +ipmi://127.0.0.1:\d+", said.out)
    assert "52:54:00:00:00:00 netboot" in " ".join(said.out.split())
    assert "simulated" not in said.out
    assert bmprov("machine", "show", SIM, "--json").json["nics"][0]["netboot"] is True
    assert "there is no machine 'sim 99'" in bmprov("machine", "show", "sim 99").err


def test_a_machine_is_switched(bmprov: Call) -> None:
    """A power operation is followed to its end, and its timeline can be read by the beginning of its id."""
    said = bmprov("machine", "power", SIM, "on")
    assert said.out.splitlines()[-1].startswith(f"on of {SIM} succeeded after")
    assert bmprov("machine", "show", SIM, "--json").json["power"]["power"] == "on"
    newest = bmprov("operation", "list", "--machine", SIM, "--json").json[0]
    shown = bmprov("operation", "show", newest["id"][:8])
    assert f"operation {newest['id']}, asked for by up" in shown.out
    assert "power on" in shown.out
    assert bmprov("operation", "show", newest["id"], "--json").json["steps"][0]["name"] == "power on"
    assert bmprov("operation", "watch", newest["id"][:8]).code == 0
    unwatched = bmprov("machine", "power", SIM, "off", "--no-wait")
    assert re.match(r"operation [0-9a-f-]{36}: follow it with", unwatched.out)


def test_an_operation_that_is_not_there(bmprov: Call) -> None:
    """An id that nothing begins with, and one that several begin with, are told apart."""
    assert "there is no operation 0000" in bmprov("operation", "show", "0000").err
    operations = bmprov("operation", "list", "--json").json
    heads = [one["id"][0] for one in operations]
    double = next((head for head in heads if heads.count(head) > 1), None)
    if double:
        assert "give more of the id" in bmprov("operation", "show", double).err
    ended = bmprov("operation", "cancel", operations[-1]["id"])
    assert ended.out.strip().endswith("is succeeded")


def test_a_failed_operation_fails_the_command(bmprov: Call) -> None:
    """A machine whose BMC is not there is told with what to check, and can be removed."""
    said = bmprov("machine", "enroll", "dark", "--bmc", "ipmi://u@127.0.0.1:1", "--no-wait")
    try:
        assert said.code == 1
        assert "there is no password for the BMC" in said.err
    finally:
        assert bmprov("machine", "remove", "--yes", "dark").code == 1


def test_one_machine_is_enrolled_by_options(bmprov: Call, fake: str) -> None:
    """Enrolling the same again does nothing; enrolling it otherwise is refused."""
    known = bmprov("machine", "show", fake, "--json").json
    assert (known["state"], known["back_end"]) == ("available", "fake")
    same = bmprov("machine", "enroll", fake, "--bmc", f"fake://{fake}", "--nic", known["nics"][0]["mac"])
    assert same.out.strip() == "1 of 1 machines are enrolled already"
    other = bmprov("machine", "enroll", fake, "--bmc", f"fake://{fake}", "--cpus", "4")
    assert other.code == 1
    assert "is enrolled already with other values of cpus, nics" in other.err
    assert bmprov("machine", "enroll").code == 2
    assert bmprov("machine", "enroll", "nameless").code == 2


def test_the_nics_of_a_machine_are_told_anew(bmprov: Call, fake: str) -> None:
    """As when it is enrolled; what is no bond is said before anything is sent, and nothing at all is wrong usage."""
    mac = bmprov("machine", "show", fake, "--json").json["nics"][0]["mac"]
    told = f"{mac},netboot,bond0=lacp", "02:00:00:00:00:02,front,bond0=lacp"
    said = bmprov("machine", "set", fake, "--nic", told[0], "--nic", told[1])
    assert said.out.strip() == f"{fake} has {mac} netboot bond0 (lacp), 02:00:00:00:00:02 front bond0 (lacp)"
    assert f"{mac} netboot bond0 (lacp)" in " ".join(bmprov("machine", "show", fake).out.split())
    alone = bmprov("machine", "set", fake, "--boot-mode", "bios", "--nic", told[0])
    assert (alone.code, f"machine {fake}: bond0 has one NIC" in alone.err) == (1, True)
    assert bmprov("machine", "show", fake, "--json").json["boot_mode"] == "uefi"
    assert bmprov("machine", "set", fake).code == 2


def test_a_machine_is_put_into_a_rack(bmprov: Call, fake: str) -> None:
    """What is not told stays as it was; without a rack there is no unit."""
    moved = bmprov("machine", "place", fake, "--zone", "z1", "--rack", "r07", "--position", "40", "--height", "2")
    assert moved.out.strip() == f"{fake} is at z1 / r07 / U40-U41"
    assert bmprov("machine", "place", fake, "--position", "41").out.strip() == f"{fake} is at z1 / r07 / U41-U42"
    assert "default / z1 / r07 / U41-U42" in bmprov("machine", "show", fake).out
    assert "not in a rack" in bmprov("machine", "place", fake, "--position", "60").err
    assert bmprov("machine", "place", fake, "--rack", "").out.strip() == f"{fake} is at z1"
    assert bmprov("machine", "place", fake, "--position", "1", "--no-position").code == 2
    assert bmprov("machine", "place", fake).code == 2


def test_a_file_is_enrolled_whole_or_not_at_all(bmprov: Call, tmp_path: Path) -> None:
    """A file with a fault in its last machine enrols none; mended, it enrols all, and again it enrols nothing."""
    file = tmp_path / "machines.yaml"
    file.write_text("- {name: file-1, bmc: 'fake://file-1'}\n- {name: file-2, bmc: 'fake://file-2', cpus: -1}\n")
    said = bmprov("machine", "enroll", "--file", file)
    assert said.code == 1
    assert "machine 2 (file-2): 'cpus'" in said.err
    assert bmprov("machine", "show", "file-1").code == 1
    file.write_text(file.read_text().replace("-1}\n- ", "-1}\n- ").replace("cpus: -1", "cpus: 1"))
    assert bmprov("machine", "enroll", "--file", file).out.splitlines()[-1] == "2 machines are available"
    assert bmprov("machine", "enroll", "--file", file).out.strip() == "2 of 2 machines are enrolled already"
    for name in ("file-1", "file-2"):
        assert bmprov("machine", "remove", "--yes", name).out.strip() == f"{name} is removed"


def test_notes_are_kept_and_cleared(bmprov: Call, fake: str) -> None:
    assert bmprov("machine", "note", fake, "left PSU changed").out.strip() == f"the notes of {fake} are kept"
    assert "left PSU changed" in bmprov("machine", "show", fake).out
    assert bmprov("machine", "note", fake, "--clear").out.strip() == f"{fake} has no notes"
    assert bmprov("machine", "note", fake).code == 2


def test_maintenance_and_inspection(bmprov: Call, fake: str) -> None:
    """A reason is shown until it is taken back; inspection and release are followed like any operation."""
    assert bmprov("machine", "maintenance", fake, "new fan").code == 0
    assert f"{fake} available (maintenance)" in " ".join(bmprov("machine", "list").out.split())
    assert "new fan (set by up)" in bmprov("machine", "show", fake).out
    assert bmprov("machine", "maintenance", fake, "--off").out.strip() == f"{fake} is out of maintenance"
    assert bmprov("machine", "maintenance", fake).code == 2
    assert "succeeded" in bmprov("machine", "inspect", fake).out
    assert "cannot take 'release'" in bmprov("machine", "release", "--yes", fake).err


def test_a_firmware_is_set_up_anew(bmprov: Call, fake: str) -> None:
    """What is not said stays as it is; to say nothing is no order."""
    assert bmprov("machine", "set", fake, "--secure-boot").out.strip() == f"{fake} boots by uefi with Secure Boot"
    assert "boots uefi with Secure Boot, x86_64" in " ".join(bmprov("machine", "show", fake).out.split())
    assert "Secure Boot is a thing of UEFI" in bmprov("machine", "set", fake, "--boot-mode", "bios").err
    changed = bmprov("machine", "set", fake, "--boot-mode", "bios", "--no-secure-boot")
    assert changed.out.strip() == f"{fake} boots by bios"
    assert bmprov("machine", "set", fake).code == 2
    assert bmprov("machine", "set", fake, "--boot-mode", "uefi").out.strip() == f"{fake} boots by uefi"
    told = bmprov("machine", "set", fake, "--boot-from", "virtual-media").out.strip()
    assert told == f"{fake} boots by uefi, the ramdisk from virtual-media"
    assert bmprov("machine", "set", fake, "--boot-from", "network").out.strip() == f"{fake} boots by uefi"


def test_an_image_is_added(bmprov: Call, image: str, raw: Path) -> None:
    """The SHA-256 is computed before sending, the service has checked it, and the same again is no error."""
    digest = hashlib.sha256(raw.read_bytes()).hexdigest()
    assert bmprov("image", "show", image, "--json").json["sha256"] == digest
    assert digest in bmprov("image", "show", image).out
    assert [line.split()[0] for line in bmprov("image", "list").out.splitlines()] == ["NAME", "debian-12", "demo"]
    assert bmprov("image", "add", image, raw, "--sha256", digest, "--json").json["sha256"] == digest


def test_images_that_are_refused(bmprov: Call, raw: Path, tmp_path: Path) -> None:
    """A wrong hash is the service's refusal, a missing or empty file is told before anything is sent."""
    assert "and not 0000" in bmprov("image", "add", "wrong", raw, "--sha256", "0" * 64).err
    assert "none.raw cannot be read (No such file" in bmprov("image", "add", "none", tmp_path / "none.raw").err
    (tmp_path / "empty.raw").touch()
    assert "is empty" in bmprov("image", "add", "empty", tmp_path / "empty.raw").err
    assert "there is no image 'wrong'" in bmprov("image", "remove", "wrong").err


def test_a_token_lives_and_dies(bmprov: Call) -> None:
    """A new token's secret is all that standard output has, it works, and a revoked one is shown as such."""
    said = bmprov("token", "create", "someone", "--role", "viewer")
    secret, token_id = said.out.strip(), said.err.split()[1]
    assert secret.startswith(f"bmprov_{token_id}_")
    assert secret not in said.err
    assert bmprov("token", "revoke", token_id).out.strip() == f"token {token_id} is revoked"
    revoked = next(one for one in bmprov("token", "list", "--json").json if one["id"] == token_id)
    assert revoked["revoked_at"] is not None
    assert "someone" in bmprov("token", "list").out
    assert "'cloud' is needed" in bmprov("token", "create", "c", "--role", "cloud").err


def test_events_and_instances(bmprov: Call) -> None:
    """Who did what can be read; without instances the list says so."""
    assert "enrol" in bmprov("event", "list", "--machine", SIM).out
    assert bmprov("event", "list", "--limit", 1, "--json").json[0]["actor"]
    assert bmprov("instance", "list", "--json").json == []
    assert bmprov("instance", "list").out.strip() == "no instance has a machine"
    assert "there is no instance" in bmprov("instance", "show", "00000000-0000-4000-8000-000000000000").err


def test_top_prints_how_the_service_is(bmprov: Call) -> None:
    """Where there is no terminal: the queue, the workers that live, the sweep, and what is under way, once."""
    said = bmprov("top")
    assert (said.code, said.err) == (0, "")
    assert re.search(r"^queue \d.*   workers [1-9]\d* alive, \d+ busy   power swept \d", said.out, re.MULTILINE)
    assert "Nothing is being done to any machine." in said.out


def test_lists_are_narrowed(bmprov: Call, fake: str) -> None:
    """Machines, operations and events by what people look for; what nothing holds of is said to be so."""

    def names(*options: str) -> list[str]:
        return [one["name"] for one in bmprov("machine", "list", "--json", *options).json]

    mac = bmprov("machine", "show", fake, "--json").json["nics"][0]["mac"]
    assert names("--search", mac.upper()) == names("--search", fake, "--state", "available") == [fake]
    assert bmprov("machine", "maintenance", fake, "new fan").code == 0
    assert names("--maintenance") == [fake]
    assert fake not in names("--no-maintenance")
    assert names("--tag", "none-has-it") == names("--zone", "nowhere") == names("--rack", "nowhere") == []
    assert bmprov("machine", "list", "--tag", "none-has-it").out.startswith("no such machine: `bmprov machine enroll")
    kinds = {one["kind"] for one in bmprov("operation", "list", "--json", "--kind", "inspect", "--by", "up").json}
    assert kinds == {"inspect"}
    assert bmprov("operation", "list", "--json", "--since", "2001-09-09", "--until", "2001-09-10T01:00").json == []
    (event,) = bmprov("event", "list", "--json", "--machine", fake, "--what", "maintenance", "--since", "00:00").json
    assert (event["actor"], event["what"]) == ("up", "maintenance")
    assert bmprov("event", "list", "--json", "--machine", fake, "--out-of-band").json == []
    said = bmprov("event", "list", "--since", "tea time")
    assert (said.code, "'tea time' is no time" in said.err) == (2, True)
