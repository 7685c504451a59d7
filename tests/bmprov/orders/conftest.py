"""Orders, on a real SQLite file, and what they have left in the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bmprov.cabling import ManagedSwitch, NicCabling
from bmprov.lifecycle import State
from bmprov.model import Bmc, Machine, Nic, Role
from bmprov.orders import Caller, NewSwitch, Orders
from bmprov.store import Store
from bmprov.vault import Vault
from tests import databases

ADMIN = Caller("admin", Role.ADMIN, "", "127.0.0.1")
LEAF = NewSwitch(
    "leaf-1",
    "cisco-ios://10.1.0.2",
    "100-199,1577",
    provisioning_vlan=10,
    quarantine_vlan=4000,
    user="bmprov",
    password="geheim",
    uplinks=("GigabitEthernet1/0/48",),
)


class Office:
    """Orders, and what they have left in the store. `now` is moved by tests."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.store = Store(databases.sqlite(folder / "bmprov.db"), lambda: self.now)
        self.vault = Vault([Fernet.generate_key()])
        self.orders = Orders(self.store, self.vault, reservation_s=1800, freshness_s=90)
        self._enrolled = 0

    def events(self) -> list[tuple[str, str]]:
        """What was done and its detail, oldest first."""
        with self.store.read() as transaction:
            return [(one.what, one.detail) for one in reversed(transaction.events.newest())]

    def switches(self) -> list[ManagedSwitch]:
        with self.store.read() as transaction:
            return transaction.switches.all()

    def enrol(self, name: str, site: str = "default", state: State = State.AVAILABLE) -> Machine:
        """A machine with two NICs, whose MACs end in its number and their position."""
        self._enrolled += 1
        macs = [f"52:54:00:00:{self._enrolled:02x}:{place:02x}" for place in range(2)]
        nics = (Nic(macs[0], 0, netboot=True), Nic(macs[1], 1))
        bmc = Bmc(f"ipmi://10.0.0.{self._enrolled}:623", "", b"")
        machine = Machine(name, name, bmc, nics, state=state, site=site)
        with self.store.write() as transaction:
            transaction.machines.add(machine)
        return machine

    def cabling(self, machine: str, position: int = 0) -> NicCabling:
        """What is known of a NIC's cable."""
        with self.store.read() as transaction:
            found = transaction.machines.named(machine)
            assert found is not None
            return list(transaction.cabling.of(found.nics, transaction.switches.all()).values())[position]

    def place(self, machine: str, position: int = 0) -> str:
        """The port that holds for a NIC, in words."""
        return str(self.cabling(machine, position).place)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    built = Office(tmp_path)
    yield built
    built.store.close()
