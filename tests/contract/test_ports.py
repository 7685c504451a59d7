"""What both databases promise of open ports: one machine a port, and none is forgotten."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from bmprov.cabling import Interface, ManagedSwitch
from bmprov.errors import Conflict
from bmprov.model import Bmc, Machine, Nic
from bmprov.store import Store

MACHINES = 8
TOR = ManagedSwitch("t", "tor1", "fake://tor1", "", b"", b"", 99, 666)
PORT = Interface(TOR, "Ethernet1")


@pytest.fixture
def machines(store: Store) -> list[Machine]:
    """Some machines, at a site with a switch."""
    made = [
        Machine(
            f"m{number}", f"m{number}", Bmc(f"ipmi://10.0.0.{number}", "u", b""), (Nic(f"52:54:00:00:00:0{number}", 0),)
        )
        for number in range(MACHINES)
    ]
    with store.write() as transaction:
        transaction.switches.add(TOR)
        for machine in made:
            transaction.machines.add(machine)
    return made


def opened(store: Store, machine: Machine) -> list[str]:
    with store.read() as transaction:
        return [interface.name for interface in transaction.ports.view(machine).opened]


def test_a_port_is_open_for_one_machine(store: Store, machines: list[Machine]) -> None:
    """Of all that want it at once one gets it, and the others are told whose it is."""

    def take(machine: Machine) -> str:
        try:
            with store.write() as transaction:
                transaction.ports.open(machine, [PORT])
        except Conflict as conflict:
            return conflict.why
        return ""

    with ThreadPoolExecutor(MACHINES) as pool:
        told = list(pool.map(take, machines))
    (winner,) = [machine for machine, why in zip(machines, told, strict=True) if not why]
    assert set(told) == {"", f"port tor1 Ethernet1 is open for machine '{winner.name}'"}
    assert [opened(store, machine) for machine in machines if machine is not winner] == [[]] * (MACHINES - 1)
    assert opened(store, winner) == ["Ethernet1"]


def test_opening_twice_and_closing_another_machines(store: Store, machines: list[Machine]) -> None:
    """A step may run twice; and nobody strikes off what is another's."""
    mine, other, *_ = machines
    for _ in range(2):
        with store.write() as transaction:
            transaction.ports.open(mine, [PORT])
    with store.write() as transaction:
        transaction.ports.close(other, [PORT])
    assert opened(store, mine) == ["Ethernet1"]
    with store.write() as transaction:
        transaction.ports.close(mine, [PORT])
    assert opened(store, mine) == []


def test_neither_switch_nor_machine_is_removed_while_a_port_is_open(store: Store, machines: list[Machine]) -> None:
    """Whoever removed them would forget the port."""
    with store.write() as transaction:
        transaction.ports.open(machines[0], [PORT])
    with pytest.raises(Conflict, match="ports of switch 'tor1' are open for machine m0"), store.write() as writing:
        writing.switches.remove(TOR)
    with pytest.raises(Conflict, match="switch ports are open for machine 'm0'"), store.write() as writing:
        writing.machines.remove(machines[0])
    with store.write() as transaction:
        transaction.ports.close(machines[0], [PORT])
        transaction.switches.remove(TOR)
