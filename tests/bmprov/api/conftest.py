"""The API on a real database and a real Valkey, called by one caller of each role."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask

from bmprov.api.app import create_app
from bmprov.api.credentials import issue
from bmprov.lifecycle import Event, Kind, State
from bmprov.model import Bmc, Machine, Nic, OperationState, PowerReading, Role
from bmprov.orders import Orders
from bmprov.passwords import Passwords
from bmprov.power import Power
from bmprov.queue import JobQueue
from bmprov.services import Services
from bmprov.settings import ConsoleSettings
from bmprov.store import Store
from bmprov.vault import Vault
from images.blobs import ImageStore
from tests import databases
from tests.bmprov.api.caller import Api, Contract

CLOUD = "c1"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """SQLite, unless a test asks for `postgresql` too."""
    postgresql = getattr(request, "param", "sqlite") == "postgresql"
    url = request.getfixturevalue("postgres_tables")() if postgresql else databases.sqlite(tmp_path / "bmprov.db")
    opened = Store(url)
    yield opened
    opened.close()


@pytest.fixture
def queue(valkey: str) -> JobQueue:
    queue = JobQueue(valkey)
    queue.redis.flushall()
    return queue


@pytest.fixture
def services(store: Store, queue: JobQueue, tmp_path: Path) -> Services:
    Vault.create_file(tmp_path / "secret.key")
    vault = Vault.from_file(tmp_path / "secret.key")
    orders = Orders(store, vault, reservation_s=1800.0, freshness_s=90.0)
    orders._passwords = Passwords(QUICK)
    return Services(store, queue, orders, ImageStore(tmp_path / "images"), vault, ConsoleSettings())


@pytest.fixture
def app(services: Services) -> Flask:
    return create_app(services)


@pytest.fixture
def contract(app: Flask) -> Contract:
    return Contract(app.test_client().get("/api/v1/openapi.json").get_json())


@pytest.fixture
def call_as(app: Flask, contract: Contract, store: Store) -> Callable[..., Api]:
    def make(role: Role | None, cloud: str = CLOUD) -> Api:
        if role is None:
            return Api(app, contract, None)
        with store.write() as transaction:
            token, secret = issue(f"the-{role}", role, cloud if role is Role.CLOUD else "", transaction.now)
            transaction.tokens.add(token)
        return Api(app, contract, secret)

    return make


@pytest.fixture
def nobody(call_as: Callable[..., Api]) -> Api:
    return call_as(None)


@pytest.fixture
def viewer(call_as: Callable[..., Api]) -> Api:
    return call_as(Role.VIEWER)


@pytest.fixture
def operator(call_as: Callable[..., Api]) -> Api:
    return call_as(Role.OPERATOR)


@pytest.fixture
def admin(call_as: Callable[..., Api]) -> Api:
    return call_as(Role.ADMIN)


@pytest.fixture
def cloud(call_as: Callable[..., Api]) -> Api:
    return call_as(Role.CLOUD)


@pytest.fixture
def add_machine(store: Store) -> Callable[..., Machine]:
    def add(number: int = 1, state: State = State.AVAILABLE, site: str = "default") -> Machine:
        made = Machine(
            id=f"00000000-0000-4000-8000-{number:012x}",
            name=f"rack1-{number:02d}",
            bmc=Bmc(f"fake://{number}", "root", b"sealed"),
            nics=(Nic(f"52:54:00:00:01:{number:02x}", 0), Nic(f"52:54:00:00:02:{number:02x}", 1)),
            cpus=64,
            memory_mib=262_144,
            disk_gib=1_000,
            state=state,
            site=site,
            reading=PowerReading(Power.OFF, store.clock()),
        )
        with store.write() as transaction:
            transaction.machines.add(made)
        return made

    return add


@pytest.fixture
def machine(add_machine: Callable[..., Machine]) -> Machine:
    return add_machine()


@pytest.fixture
def finish_all(store: Store) -> Callable[[], None]:
    """Ends every operation with success, as a worker would."""

    def finish() -> None:
        with store.write() as transaction:
            for operation in transaction.operations.all(unfinished=True):
                machine = transaction.machines.get(operation.machine_id)
                assert machine is not None
                if operation.kind is Kind.RELEASE:
                    transaction.instances.forget(machine)
                    transaction.machines.apply(machine, Event.RELEASED)
                    machine = transaction.machines.get(machine.id) or machine
                transaction.operations.finish(operation, machine, OperationState.SUCCEEDED, message="it is done")

    return finish


@pytest.fixture
def image(admin: Api) -> str:
    assert (
        admin.put("/api/v1/images/debian-12", data=b"a disk" * 1000, query_string={"format": "raw"}).status_code == 200
    )
    return "debian-12"


@pytest.fixture
def payload() -> Callable[..., dict[str, Any]]:
    """CloudStack's payload for one instance, with the keys that matter to the API's tests."""

    def make(number: int = 1, **details: str) -> dict[str, Any]:
        nic = {
            "deviceId": 0,
            "defaultNic": True,
            "nicUuid": f"11111111-1111-4111-8111-{number:012x}",
            "uuid": "22222222-2222-4222-8222-222222222222",
            "mac": f"02:01:00:00:00:{number:02x}",
            "ip": f"10.1.1.{number}",
            "netmask": "255.255.255.0",
            "gateway": "10.1.1.254",
            "broadcastUri": "vlan://1577",
            "type": "Guest",
        }
        return {
            "externaldetails": {"virtualmachine": {"image": "debian-12", "deployvm": "true", **details}, "host": {}},
            "virtualmachineid": f"33333333-3333-4333-8333-{number:012x}",
            "virtualmachinename": f"i-2-{number}-VM",
            "cloudstack.vm.details": {
                "id": number,
                "name": f"i-2-{number}-VM",
                "hostName": f"web-{number}",
                "cpus": 4,
                "minRam": 8 * 2**30,
                "maxRam": 8 * 2**30,
                "arch": "x86_64",
                "nics": [nic],
            },
        }

    return make
