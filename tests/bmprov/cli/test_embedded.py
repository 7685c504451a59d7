"""What `bmprov up` decides for its folder, and keeps."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from bmprov.cli import embedded, rehearsal, valkey
from bmprov.cli.folder import Folder
from bmprov.errors import Conflict, Fatal
from bmprov.settings import load
from bmprov.sim import hall


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.make(tmp_path / "data")


def test_addresses_stay(folder: Folder) -> None:
    """Ports and passwords that were chosen once are the same at the next start."""
    first = embedded.settle(folder, None, 0)
    assert embedded.settle(folder, None, 0) == first == load(folder.settings)
    ports = [first.api.port, first.pxe.http_port, first.pxe.dhcp_port, first.pxe.tftp_port, first.pxe.proxy_port]
    assert len(set(ports)) == len(ports)
    assert min(ports) > 1023


def test_the_api_s_default_port(folder: Folder) -> None:
    """Without --port the API has its usual one; a port that is given later wins and stays."""
    assert embedded.settle(folder, None, None).api.port == 8443
    assert embedded.settle(folder, "0.0.0.0", 9443).api.port == 9443
    kept = embedded.settle(folder, None, None).api
    assert (kept.listen, kept.port) == ("0.0.0.0", 9443)


def test_a_settings_file_is_completed(folder: Folder) -> None:
    """What an operator has written stands; only what is missing is chosen."""
    folder.settings.write_text('database = "postgresql:///bmprov"\n[worker]\ntries = 3\n[pxe]\ntftp_port = 69\n')
    chosen = embedded.settle(folder, None, 0)
    assert (chosen.database, chosen.worker.tries, chosen.pxe.tftp_port) == ("postgresql:///bmprov", 3, 69)
    assert chosen.pxe.dhcp_port > 1023
    assert folder.valkey_conf.exists()


def test_another_redis_is_used_as_it_is(folder: Folder) -> None:
    """With a Redis in the settings no Valkey is started."""
    folder.settings.write_text('redis = "redis://elsewhere:6379/0"\n')
    assert embedded.settle(folder, None, 0).redis == "redis://elsewhere:6379/0"
    assert not folder.valkey_conf.exists()


def test_a_misspelt_setting_is_told(folder: Folder) -> None:
    """A key that nobody knows is an error with its name."""
    folder.settings.write_text("[api]\nprot = 1\n")
    with pytest.raises(Fatal, match=r"there is no setting 'api\.prot'"):
        embedded.settle(folder, None, None)


def test_secrets_are_their_owner_s(folder: Folder) -> None:
    """The folder and what holds a password or a key is closed to other users."""
    embedded.make_secrets(embedded.settle(folder, None, 0))
    rehearsal.prepare(folder, 2, None)
    secret = [folder.settings, folder.valkey_conf, folder.machines, folder.root / "secret.key", folder.root / "api.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """A folder below a file is told in one sentence."""
    (tmp_path / "file").touch()
    with pytest.raises(Fatal, match=r"file/data is not usable \(Not a directory\)"):
        Folder.make(tmp_path / "file" / "data")


def test_one_up_a_folder(folder: Folder) -> None:
    """The lock is free again when its holder has ended."""
    with folder.lock(), pytest.raises(Conflict, match="another `bmprov up` runs in"), folder.lock():
        pytest.fail("two at once")
    with folder.lock():
        pass


def test_the_hall_grows_and_shrinks(folder: Folder) -> None:
    """Machines that stay keep their BMC's port; without a number all of them stay."""
    rehearsal.prepare(folder, 3, None)
    first = rehearsal.machines(folder)
    rehearsal.prepare(folder, 5, "instant")
    assert rehearsal.machines(folder)[:3] == first
    rehearsal.prepare(folder, None, None)
    assert len(rehearsal.machines(folder)) == 5
    rehearsal.prepare(folder, 2, None)
    assert rehearsal.machines(folder) == first[:2]
    rehearsal.prepare(folder, 0, None)
    assert rehearsal.machines(folder) == []


def test_a_console_keeps_its_port(folder: Folder) -> None:
    """Bmprov remembers where one is; a machine from before there were consoles gets one."""
    rehearsal.prepare(folder, 3, None)
    *others, before = hall.load(folder.machines)
    assert [bool(one.console_port) for one in (*others, before)] == [False, False, True]
    rehearsal.prepare(folder, 6, None)
    assert hall.load(folder.machines)[2] == before
    hall.dump([replace(before, console_port=0)], folder.machines)
    rehearsal.prepare(folder, None, None)
    (now,) = hall.load(folder.machines)
    assert now.console_port not in (0, now.bmc_port)
    assert now.bmc_port == before.bmc_port


def test_stand_ins_for_loaders(folder: Folder, tmp_path: Path) -> None:
    """Simulated machines find a loader where Debian's package is missing; real ones are never given a stand-in."""
    assert rehearsal.loaders(folder, tmp_path) == tmp_path
    rehearsal.prepare(folder, 1, None)
    made = rehearsal.loaders(folder, tmp_path)
    assert "undionly.kpxe" in {path.name for path in made.iterdir()}
    assert rehearsal.loaders(folder, made) == made


def test_a_valkey_that_does_not_start(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log is named when nobody answers at its address."""
    monkeypatch.setattr(valkey, "_TRIES", 1)
    (port,) = embedded.free_ports(embedded.socket.SOCK_STREAM, 1)
    with pytest.raises(Fatal, match=r"Valkey did not start .*valkey\.log"):
        valkey.wait(f"redis://:secret@127.0.0.1:{port}/0", folder.logs / "valkey.log")


def test_no_service_gets_the_port_of_a_planned_bmc(folder: Folder) -> None:
    """BMCs do not listen yet when the services' ports are chosen; even thousands of them get none of those."""
    rehearsal.prepare(folder, 5000, None)
    chosen = embedded.settle(folder, None, 0)
    bmcs = {machine.bmc.address for machine in rehearsal.machines(folder)}
    services = (chosen.pxe.dhcp_port, chosen.pxe.proxy_port, chosen.pxe.tftp_port)
    assert len(bmcs) == 5000
    assert not bmcs & {f"ipmi://127.0.0.1:{port}" for port in services}
