"""One `bmprov up` with two simulated machines for all tests that only ask and order."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bmprov.cli.main import run
from tests.bmprov.cli.house import House, house


@dataclass(frozen=True)
class Said:
    """What a command has printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.out)


@pytest.fixture(scope="package")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("up") / "data", "--sim", "2", "--sim-pace", "instant") as running:
        yield running


@pytest.fixture
def bare(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Runs a command in this process, with nothing in the environment."""
    for name in (
        "ENDPOINT",
        "TOKEN",
        "CA",
        "DATA",
        "CONFIG",
        "BMC_PASSWORD",
        "MAAS_KEY",
        "SWITCH_PASSWORD",
        "SWITCH_ENABLE",
        "PERSON_PASSWORD",
    ):
        monkeypatch.delenv(f"BMPROV_{name}", raising=False)

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
def bmprov(up: House, bare: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Runs a command against the running service."""
    monkeypatch.setenv("BMPROV_DATA", str(up.folder))
    return bare


@pytest.fixture
def fake(bmprov: Callable[..., Said], request: pytest.FixtureRequest) -> Iterator[str]:
    """A machine that takes no time, enrolled for one test."""
    name = f"fake-{abs(hash(request.node.name)) % 10**8:08}"
    assert bmprov("machine", "enroll", name, "--bmc", f"fake://{name}", "--nic", _mac(name)).code == 0
    yield name
    bmprov("machine", "remove", "--yes", name)


def _mac(name: str) -> str:
    digits = name[-8:]
    return f"02:00:{digits[:2]}:{digits[2:4]}:{digits[4:6]}:{digits[6:]}"
