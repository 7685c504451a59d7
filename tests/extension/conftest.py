"""The extension installed as CloudStack has it, and a service with a certificate of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmprov import tls
from bmprov.sim.cloudstack import CloudStack
from bmprov.sim.virtual_machine import Nic, VirtualMachine, virtual_machine
from tests.extension.service import Service

SOURCE = Path(__file__).parents[2] / "extension" / "bmprov.py"
TOKEN = "bmprov_s3cr3t-token"


@pytest.fixture
def entry_point(tmp_path: Path) -> Path:
    """The one file, in a folder of its own."""
    folder = tmp_path / "extensions" / "bmprov"
    folder.mkdir(parents=True)
    return Path(shutil.copy(SOURCE, folder))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`service.pem` for loopback, `other.pem` likewise, `elsewhere.pem` for another host; keys beside them."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, host in (("service", "127.0.0.1"), ("other", "127.0.0.1"), ("elsewhere", "elsewhere.example")):
        tls.ensure(folder / f"{name}.pem", folder / f"{name}.key", [host])
    return folder


@pytest.fixture
def service(certificates: Path) -> Iterator[Service]:
    service = Service(certificates / "service.pem", certificates / "service.key")
    yield service
    service.close()


@pytest.fixture
def cloudstack(entry_point: Path, tmp_path: Path, service: Service, certificates: Path) -> CloudStack:
    settings = {
        "endpoint": f"https://127.0.0.1:{service.port}",
        "token": TOKEN,
        "ca": str(certificates / "service.pem"),
    }
    return CloudStack(entry_point, tmp_path / "payloads", extension=settings, host={"host": "rack1"}, timeout_s=60)


@pytest.fixture
def vm() -> VirtualMachine:
    nics = [Nic("02:00:4c:9f:00:01", "192.0.2.10", "1577"), Nic("02:00:4c:9f:00:02", "198.51.100.10")]
    return virtual_machine(34, nics, {"image": "debian-12"}, ssh_key="ssh-ed25519 AAAA rehearsal", user_data="IyE=")
