"""bmprov without its processes, beside a MAAS region: orders, a worker, and the watch's eye on the region.

Time is the region's: a step that waits is run again at once, with the store's clock put forward.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bmprov.model import Machine, Operation, OperationState, Region, Role
from bmprov.orders import Answer, Caller, NewRegion, Orders
from bmprov.payload import InstanceRequest, parse_request
from bmprov.queue import JobQueue
from bmprov.settings import WorkerSettings
from bmprov.store import Store
from bmprov.vault import Vault
from tests import databases
from tests.maas.running import RunningRegion
from tests.requests import no_ports
from worker.drivers.choice import Drivers
from worker.maas.follow import Follower
from worker.runner import Runner

ADMIN = Caller("root", Role.ADMIN)
CLOUD = Caller("cloudstack", Role.CLOUD, "c1")
REGION = "lab"
_GLANCE_S = 0.02


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def nic(place: int = 0, number: int = 1, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    mac = f"02:00:00:00:{number:02x}:{place:02x}"
    return {"deviceId": place, "nicUuid": f"nic-{place}", "uuid": f"net-{place}", "mac": mac, **more}


def payload(number: int = 1, *nics: dict[str, Any], **details: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "externaldetails": {"host": {"backend": "maas"}, "virtualmachine": details},
        "virtualmachineid": uuid_of(number),
        "virtualmachinename": f"i-2-{number}-VM",
        "cloudstack.vm.details": {
            "cpus": 2,
            "nics": list(nics) or [nic(number=number)],
            "details": {"SSH.PublicKey": "ssh-ed25519 AAAA tenant"},
            "vmData": [["userdata", "user_data", "I2Nsb3VkLWNvbmZpZwpwYWNrYWdlczogW2N1cmxdCg=="]],
        },
    }


class MaasHouse:
    """Everything that works on the region, in this process."""

    def __init__(
        self,
        folder: Path,
        redis: str,
        maas: RunningRegion,
        database: str = "",
        **new: Any,  # noqa: ANN401 - of NewRegion
    ) -> None:
        Vault.create_file(folder / "secret.key")
        self.vault, self.maas, self.ahead_s = Vault.from_file(folder / "secret.key"), maas, 0.0
        self.store = Store(database or databases.sqlite(folder / "bmprov.db"), lambda: time.time() + self.ahead_s)
        queue = JobQueue(redis, pause_s=0.0)
        queue.redis.flushall()
        self.orders = Orders(self.store, self.vault, reservation_s=1800, freshness_s=90)
        self.drivers = Drivers(self.vault, queue, urgent=True, region_of=self.region)
        self.runner = self.worker("w1")
        self.follower = Follower(self.store, self.drivers.calls_of, 10.0)
        self.orders.add_region(NewRegion(maas.url, maas.key, REGION, **new), ADMIN)
        self.follow()

    def worker(self, name: str, **limits: Any) -> Runner:  # noqa: ANN401 - of WorkerSettings
        settings = WorkerSettings(bmc_pause_s=0.0, retry_first_s=0.01, **limits)
        return Runner(
            self.store, self.drivers.of, settings, name, lambda: 1.0, lambda _: "", self.request, no_ports(self.store)
        )

    def region(self, name: str = REGION) -> Region | None:
        with self.store.read() as transaction:
            return transaction.regions.named(name)

    def request(self, operation: Operation) -> InstanceRequest:
        with self.store.read() as transaction:
            instance = transaction.instances.get(operation.instance_id or "")
        assert instance is not None
        return parse_request(json.loads(self.vault.open(instance.sealed_payload)))

    def follow(self) -> None:
        """What the watch does every half a minute."""
        region = self.region()
        assert region is not None
        self.follower.follow(region)

    def run(self, order: Operation | Answer, runner: Runner | None = None) -> Operation:
        """Take an operation to its end."""
        assert isinstance(order, Operation), order
        operation = order
        while not operation.finished:
            operation = self.step(operation, runner)
            if not operation.finished:
                time.sleep(_GLANCE_S)
        return operation

    def step(self, operation: Operation, runner: Runner | None = None) -> Operation:
        """Take an operation as far as it goes, at the time when it is due."""
        self.ahead_s = max(self.ahead_s, operation.due_at - time.time() + 0.001)
        (runner or self.runner).advance(operation.id)
        return self.operation(operation.id)

    def operation(self, operation_id: str) -> Operation:
        with self.store.read() as transaction:
            found = transaction.operations.get(operation_id)
        assert found is not None
        return found

    def succeed(self, order: Operation | Answer) -> Operation:
        done = self.run(order)
        assert done.state is OperationState.SUCCEEDED, done.error
        return done

    def fail(self, order: Operation | Answer, runner: Runner | None = None) -> Operation:
        done = self.run(order, runner)
        assert done.state is OperationState.FAILED, done
        return done

    def deploy(self, number: int = 1, **details: Any) -> Machine:  # noqa: ANN401 - JSON
        """An instance that runs."""
        asked = payload(number, **details)
        self.succeed(self.orders.prepare(asked, CLOUD))
        self.succeed(self.orders.create(asked, CLOUD))
        return self.of(number)

    @property
    def machines(self) -> list[Machine]:
        with self.store.read() as transaction:
            return transaction.machines.all()

    def machine(self, name: str) -> Machine:
        return next(one for one in self.machines if one.name == name)

    def of(self, number: int = 1) -> Machine:
        """The machine of an instance."""
        return next(one for one in self.machines if one.instance_id == uuid_of(number))

    def in_maas(self, number: int = 1) -> Any:  # noqa: ANN401 - the simulator's machine
        """The machine of an instance as the region has it."""
        return self.maas.machine(self.of(number).name)

    def power(self, number: int = 1) -> str:
        return str(self.orders.status(payload(number), CLOUD)["power_state"])

    def events(self) -> list[str]:
        with self.store.read() as transaction:
            return [event.what for event in transaction.events.newest(100)]


@contextmanager
def house(folder: Path, redis: str, maas: RunningRegion, **new: Any) -> Iterator[MaasHouse]:  # noqa: ANN401 - of NewRegion
    built = MaasHouse(folder, redis, maas, **new)
    try:
        yield built
    finally:
        built.store.close()
