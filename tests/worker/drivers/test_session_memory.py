"""Sessions that all processes share, in a real Valkey."""

from dataclasses import replace
from pathlib import Path

import pytest

from bmprov.power import BmcLogin
from bmprov.queue import JobQueue
from bmprov.vault import Vault
from worker.drivers.redfish_session import Session
from worker.drivers.session_memory import SharedSessions

LOGIN = BmcLogin("redfish://10.1.0.7", "admin", "calvin", trust="sha256:" + "ab" * 32)
SESSION = Session(LOGIN, "a token", "/redfish/v1/SessionService/Sessions/7", "/redfish/v1/Systems/1")


@pytest.fixture
def queue(valkey: str) -> JobQueue:
    found = JobQueue(valkey)
    found.redis.flushall()
    return found


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    Vault.create_file(tmp_path / "secret.key")
    return Vault.from_file(tmp_path / "secret.key")


def test_one_process_uses_what_another_has_opened(queue: JobQueue, vault: Vault, valkey: str) -> None:
    """Until it is forgotten; and Redis holds neither the token nor the password in the clear."""
    SharedSessions(queue, vault).remember(SESSION)
    other = SharedSessions(JobQueue(valkey), vault)
    assert other.session(LOGIN) == SESSION
    kept = b"".join(queue.redis.get(key) or b"" for key in queue.redis.scan_iter())
    assert kept
    assert b"a token" not in kept
    assert b"calvin" not in kept
    other.forget(LOGIN)
    assert SharedSessions(queue, vault).session(LOGIN) is None


@pytest.mark.parametrize("change", [{"password": "new"}, {"user": "root"}, {"trust": ""}, {"address": "redfish://h"}])
def test_a_session_is_its_logins_own(queue: JobQueue, vault: Vault, change: dict[str, str]) -> None:
    """Whoever logs in otherwise logs in anew."""
    SharedSessions(queue, vault).remember(SESSION)
    assert SharedSessions(queue, vault).session(replace(LOGIN, **change)) is None  # type: ignore[arg-type] # all strings


def test_what_another_key_has_sealed_is_no_session(queue: JobQueue, vault: Vault, tmp_path: Path) -> None:
    """A login is due, and no error."""
    SharedSessions(queue, vault).remember(SESSION)
    Vault.create_file(tmp_path / "other.key")
    assert SharedSessions(queue, Vault.from_file(tmp_path / "other.key")).session(LOGIN) is None


def test_a_session_is_remembered_while_it_is_used(queue: JobQueue, vault: Vault) -> None:
    """Half an hour without use and the BMC has closed it; each use begins that time anew."""
    sessions = SharedSessions(queue, vault)
    sessions.remember(SESSION)
    key = queue.redis.keys()[0]
    queue.redis.expire(key, 5)
    assert sessions.session(LOGIN) == SESSION
    assert queue.redis.ttl(key) > 600
