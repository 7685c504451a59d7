"""The sweep: simulated BMCs, a real database, a real Valkey."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from bmprov.model import Bmc, Machine, PowerReading
from bmprov.power import Power, PowerAction
from bmprov.queue import JobQueue
from bmprov.store import Store
from bmprov.vault import Vault
from tests import databases
from tests.contract.bmcs import PASSWORD, USER, SimulatedMachine, free_udp_port, simulated_bmcs
from tests.ear import Ear
from worker.drivers.choice import Drivers
from worker.sweep import Pace, Sweeper


class Hall:
    """Enrolled machines with simulated BMCs, and a sweeper."""

    def __init__(self, folder: Path, valkey: str, bmcs: list[SimulatedMachine]) -> None:
        Vault.create_file(folder / "secret.key")
        vault, queue = Vault.from_file(folder / "secret.key"), JobQueue(valkey)
        queue.redis.flushall()
        self.store = Store(databases.sqlite(folder / "bmprov.db"))
        self.bmcs = bmcs
        self.pool = ThreadPoolExecutor(16)
        drivers = Drivers(vault, queue, urgent=False)
        self.sweeper = Sweeper(self.store, drivers, queue, self.pool, 16, 2.0)
        with self.store.write() as transaction:
            for number, bmc in enumerate(bmcs):
                login = Bmc(bmc.login.address, USER, vault.seal(PASSWORD.encode()))
                transaction.machines.add(Machine(f"m-{number}", f"m{number}", login, ()))

    @property
    def machines(self) -> list[Machine]:
        with self.store.read() as transaction:
            return transaction.machines.all()

    def sweep(self) -> int:
        return self.sweeper.sweep(self.machines)

    def readings(self) -> list[PowerReading]:
        return [machine.reading for machine in self.machines]

    def events(self) -> list[str]:
        with self.store.read() as transaction:
            return [f"{event.machine} {event.what}" for event in transaction.events.newest()]


@pytest.fixture
def hall(tmp_path: Path, valkey: str) -> Iterator[Hall]:
    with simulated_bmcs() as bmcs:
        found = Hall(tmp_path, valkey, [bmcs.start() for _ in range(6)])
        yield found
        found.pool.shutdown()
        found.store.close()


def test_every_bmc_is_read(hall: Hall) -> None:
    """And what each says is kept, with the time."""
    hall.bmcs[2].chassis.press(PowerAction.ON)
    assert hall.sweep() == 6
    assert [reading.power for reading in hall.readings()] == [Power.ON if n == 2 else Power.OFF for n in range(6)]
    assert all(reading.read_at and not reading.error for reading in hall.readings())
    assert hall.events() == []


def test_what_nobody_ordered_is_an_event(hall: Hall) -> None:
    """A first reading is none, and neither is one that could not be made."""
    ear = Ear(hall.store)
    hall.sweep()
    hall.bmcs[1].chassis.press(PowerAction.ON)
    hall.bmcs[3].faults.silent = True
    assert hall.sweep() == 5
    assert hall.events() == ["m1 out-of-band power on"]
    [told] = ear.heard("power.out-of-band")
    assert (told["machine"], told["from"], told["to"]) == ("m1", "off", "on")
    assert "did not answer" in hall.readings()[3].error
    assert hall.readings()[3].power is Power.OFF
    hall.bmcs[3].faults.silent = False
    assert hall.sweep() == 6
    assert not hall.readings()[3].error


def test_a_bmc_that_was_never_there_costs_no_login(hall: Hall) -> None:
    """It is not heard by the first look, and says so; the others are read."""
    with hall.store.write() as transaction:
        gone = Bmc(f"ipmi://127.0.0.1:{free_udp_port()}", USER, b"not even opened")
        transaction.machines.add(Machine("gone", "gone", gone, ()))
    assert hall.sweep() == 6
    assert "did not answer for 2 s" in hall.readings()[0].error


def test_what_was_done_meanwhile_is_not_overwritten(hall: Hall) -> None:
    """A reading that began before an operation touched the machine is worth nothing after it."""
    machines = hall.machines
    with hall.store.write() as transaction:
        transaction.machines.observe("m-0", Power.ON)
    hall.sweeper.sweep(machines)
    assert hall.readings()[0].power is Power.ON
    assert hall.readings()[1].power is Power.OFF


def test_a_bmc_that_a_worker_holds_is_read_when_it_lets_go(hall: Hall) -> None:
    """It is not asked meanwhile: one session at a time."""
    address = hall.bmcs[4].login.address

    def let_go() -> None:
        hall.bmcs[4].chassis.press(PowerAction.ON)
        held.close()

    with ExitStack() as held:
        held.enter_context(hall.sweeper.queue.hold(address, Deadline.after(1)))
        threading.Timer(0.5, let_go).start()
        assert hall.sweep() == 6
    assert hall.readings()[4].power is Power.ON
    with hall.sweeper.queue.hold(address, Deadline.after(0.2)):
        assert hall.bmcs[4].open_sessions() == 0


def test_a_slow_bmc_holds_up_no_other(hall: Hall) -> None:
    """While it is waited for, the others are stored and let go: a worker may want them."""
    hall.bmcs[0].faults.slow_s = 0.25
    with ThreadPoolExecutor(1) as aside:
        sweep = aside.submit(hall.sweep)
        time.sleep(0.7)
        assert not sweep.done()
        assert [bool(reading.read_at) for reading in hall.readings()] == [False, True, True, True, True, True]
        for bmc in hall.bmcs[1:]:
            with hall.sweeper.queue.hold(bmc.login.address, Deadline.after(0.01)):
                pass
        assert sweep.result() == 6


def test_a_second_bmc_is_read_in_place_of_a_silent_one(hall: Hall) -> None:
    """The machine's power is known by it, and the silence of the first is no error."""
    hall.bmcs[0].faults.silent = True
    hall.bmcs[1].chassis.press(PowerAction.ON)
    with hall.store.write() as transaction:
        machine = transaction.machines.get("m-0")
        assert machine is not None
        spare = replace(machine.bmc, address=hall.bmcs[1].login.address)
        other = transaction.machines.get("m-1")
        assert other is not None
        transaction.machines.remove(other)
        transaction.machines.set_bmcs(machine, machine.bmc, spare)
    assert hall.sweep() == 5
    assert (hall.readings()[0].power, hall.readings()[0].error) == (Power.ON, "")


def test_the_pace_grows_while_we_only_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """And stays while we are busy; never more than was allowed."""
    wall, cpu = 0.0, 0.0
    monkeypatch.setattr("worker.sweep.time.monotonic", lambda: wall)
    monkeypatch.setattr("worker.sweep.time.process_time", lambda: cpu)
    pace = Pace(30)
    assert pace.room(0) == 8
    assert not pace.tick()
    wall, cpu = 0.3, 0.29
    assert pace.tick()
    assert pace.room(3) == 5
    for rooms in (16, 30, 30):
        wall += 0.3
        assert pace.tick()
        assert pace.room(0) == rooms
