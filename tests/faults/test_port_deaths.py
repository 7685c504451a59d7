"""Workers are killed, again and again, while they talk to switches: every port ends where it must be, and is known."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bmprov import settings
from bmprov.cabling import Cable, ManagedSwitch
from bmprov.store import Store
from bmprov.vault import Vault
from bmprov.vlans import VlanRanges
from tests.contract.switches import MODELS, SimulatedStand, simulated
from tests.faults.conftest import MACHINES, SETTINGS, House, running, until
from tests.sim_switch.ssh import SwitchServers, switch_servers

PROVISIONING, QUARANTINE, TENANT = 99, 666, 1577
PATIENCE_S = 400
IN_DEPLOYMENT, IN_RELEASE = (3, 11, 17, 36, 9), (4, 13, 8)
"""How many lines are heard before each death: at the login, between the lines, before the read-back."""


class Reaper:
    """Kills the worker that has an operation, at lines that switches hear. `steps` is where it was."""

    def __init__(self, house: House, store: Store) -> None:
        self._house = house
        self._store = store
        self._gaps: list[int] = []
        self._one = threading.Lock()
        self.steps: list[str] = []

    def arm(self, *gaps: int) -> None:
        """Kill it at so many lines from now, and so many from there."""
        self._gaps, self.steps = list(gaps), []

    def hears(self) -> None:
        """A line."""
        with self._one:
            if not self._gaps:
                return
            self._gaps[0] -= 1
            if self._gaps[0] <= 0 and self._kill():
                self._gaps.pop(0)

    def _kill(self) -> bool:
        with self._store.read() as transaction:
            held = [one for one in transaction.operations.all(unfinished=True) if one.lease_owner]
        dead = [one for one in held if self._house.kill("worker", str(one.lease_owner))]
        self.steps += [str(one.step) for one in dead]
        return bool(dead)


class Hall:
    """A service whose machines are cabled to two simulated switches, a Cisco and a Juniper."""

    def __init__(self, house: House, servers: SwitchServers) -> None:
        self.house = house
        chosen = settings.load(house.folder / "bmprov.toml")
        self.store, vault = Store(chosen.database, pool_size=2), Vault.from_file(chosen.key_file)
        self.reaper = Reaper(house, self.store)
        self.stands = [simulated(dialect, servers, MACHINES + 1) for dialect in ("cisco-ios", "juniper-junos")]
        with self.store.write() as transaction:
            self.machines = sorted(one.name for one in transaction.machines.all())
            for number, stand in enumerate(self.stands):
                transaction.switches.add(_entered(f"tor{number}", stand, vault))
                stand.device.hears = self.reaper.hears
            for place, name in enumerate(self.machines, 1):
                machine = transaction.machines.named(name)
                assert machine is not None
                for nic, number in zip(machine.nics, range(len(self.stands)), strict=False):
                    transaction.cabling.enter(Cable(nic.mac, f"tor{number}", self.port_name(number, place)))

    def port_name(self, switch: int, place: int) -> str:
        return MODELS[self.stands[switch].login.address.partition("://")[0]][1].format(place)

    def ports(self, machine: str) -> list[tuple[bool, int | None]]:
        """What the hardware does with a machine's ports: enabled, and the VLAN."""
        place = self.machines.index(machine) + 1
        return [stand.truth(self.port_name(number, place))[:2] for number, stand in enumerate(self.stands)]

    def open_ports(self, machine: str) -> int:
        """How many ports the store says are open for it."""
        with self.store.read() as transaction:
            found = transaction.machines.named(machine)
            assert found is not None
            return len(transaction.ports.view(found).opened)


def _entered(name: str, stand: SimulatedStand, vault: Vault) -> ManagedSwitch:
    login = stand.login
    password, enable = vault.seal(login.password.encode()), vault.seal(login.enable.encode())
    vlans = VlanRanges.parse(f"{TENANT}")
    return ManagedSwitch(name, name, login.address, login.user, password, enable, PROVISIONING, QUARANTINE, vlans)


@pytest.fixture(scope="module")
def servers() -> Iterator[SwitchServers]:
    with switch_servers() as servers:
        yield servers


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def hall(request: pytest.FixtureRequest, tmp_path: Path, servers: SwitchServers) -> Iterator[Hall]:
    folder, first = tmp_path / "service", ""
    folder.mkdir()
    if request.param == "postgresql":
        new_database: Callable[[], str] = request.getfixturevalue("postgres_url")
        first = f'database = "{new_database()}"\n'
    with running(folder, first + SETTINGS) as house:
        hall = Hall(house, servers)
        yield hall
        hall.store.close()


@pytest.mark.timeout(PATIENCE_S * 2)
def test_workers_die_again_and_again_in_moves(hall: Hall, tmp_path: Path) -> None:
    """Eight deaths in one life: it ends well, the ports are where CloudStack wants them, and then lead nowhere."""
    cloudstack, instance = hall.house.cloudstack(tmp_path, PATIENCE_S), hall.house.instance()
    hall.reaper.arm(*IN_DEPLOYMENT)
    created = cloudstack.create(instance)
    assert created.succeeded, created.told
    assert len(hall.reaper.steps) == len(IN_DEPLOYMENT)
    assert set(hall.reaper.steps) == {"switch ports: provisioning", "switch ports: tenant"}
    (active,) = [machine["name"] for machine in hall.house.machines("active")]
    cabled = len(hall.ports(active))
    assert hall.ports(active)[0] == (True, TENANT)
    assert hall.open_ports(active) >= 1
    hall.reaper.arm(*IN_RELEASE)
    deleted = cloudstack.delete(instance)
    assert deleted.succeeded, deleted.told
    assert hall.reaper.steps == ["switch ports: closed"] * len(IN_RELEASE)
    until(lambda: len(hall.house.machines("available")) == MACHINES, "the return to the pool", 60)
    assert hall.ports(active) == [(False, QUARANTINE)] * cabled
    assert hall.open_ports(active) == 0
    for other in set(hall.machines) - {active}:
        assert hall.ports(other) == [(True, 1)] * cabled, "a neighbour's ports are not touched"
