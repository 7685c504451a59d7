"""Logging in to a switch with a private key instead of a password."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest
from cryptography.fernet import Fernet

from bmprov.cabling import ManagedSwitch
from bmprov.deadline import Deadline
from bmprov.errors import SwitchAuthFailed, SwitchRefused
from bmprov.queue import JobQueue
from bmprov.store import Store
from bmprov.vault import Vault
from tests.contract.switches import SimulatedStand, simulated
from tests.sim_switch.ssh import SwitchServers, switch_servers
from worker.switches.choice import Switches

KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")


@pytest.fixture(scope="module")
def servers() -> Iterator[SwitchServers]:
    with switch_servers() as servers:
        yield servers


@pytest.fixture
def stand(servers: SwitchServers) -> SimulatedStand:
    """A switch that takes no password of ours."""
    stand = simulated("sonic", servers)
    stand.device.password = "nobody knows it"
    return stand


def trusted(stand: SimulatedStand, kind: str) -> asyncssh.SSHKey:
    key = asyncssh.generate_private_key(kind)
    stand.device.trusted_key = key.export_public_key().decode()
    return key


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem"])
def test_a_key_of_each_kind(stand: SimulatedStand, kind: str, form: str) -> None:
    """In OpenSSH's form and in PEM; no password is needed."""
    key = trusted(stand, kind).export_private_key(form).decode()
    switch = stand.told(key=key, password="")
    assert stand.ports[0] in switch.read(stand.ports[:1], Deadline.after(20))


def test_a_key_that_the_switch_does_not_know(stand: SimulatedStand) -> None:
    """It is an operator's matter, in words that say that it was the key."""
    trusted(stand, KINDS[0])
    other = asyncssh.generate_private_key(KINDS[0]).export_private_key().decode()
    with pytest.raises(SwitchAuthFailed, match="refused user 'admin' or its key"):
        stand.told(key=other, password="").read(stand.ports, Deadline.after(20))


@pytest.mark.parametrize("what", ["garbage", "a passphrase", "a public key"])
def test_a_key_that_is_none(stand: SimulatedStand, what: str) -> None:
    """Nothing is sent, and nothing of it is shown."""
    key = trusted(stand, KINDS[0])
    texts = {
        "garbage": "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n",
        "a passphrase": key.export_private_key(passphrase="hush").decode(),
        "a public key": key.export_public_key().decode(),
    }
    with pytest.raises(SwitchRefused, match="cannot be used; nothing was sent") as caught:
        stand.told(key=texts[what]).read(stand.ports, Deadline.after(20))
    assert caught.value.__cause__ is None
    assert not stand.device.said
    assert "c2VjcmV0" not in str(caught.value)


def test_a_key_from_the_store(stand: SimulatedStand, tmp_path: Path, valkey: str) -> None:
    """It is kept sealed, and opened where the session is made."""
    key = trusted(stand, KINDS[0]).export_private_key().decode()
    vault = Vault([Fernet.generate_key()])
    store = Store(f"sqlite:///{tmp_path}/bmprov.db")
    store.migrate()
    entered = ManagedSwitch("t", "tor1", stand.login.address, "admin", b"", b"", 99, 666)
    with store.write() as transaction:
        transaction.switches.add(replace(entered, sealed_key=vault.seal(key.encode())))
    with store.read() as transaction:
        (switch,) = transaction.switches.all()
    assert "BEGIN" not in repr(switch)
    assert b"BEGIN OPENSSH" not in switch.sealed_key
    driver = Switches(vault, JobQueue(valkey)).of(switch, {stand.ports[0]})
    assert stand.ports[0] in driver.read(stand.ports[:1], Deadline.after(20))
