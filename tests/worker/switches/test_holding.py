"""Who may have a switch, what may be ordered of it, and the fake that all processes share."""

import threading
from collections.abc import Iterator

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import SwitchBusy, SwitchForbidden, SwitchRefused
from bmprov.queue import JobQueue
from bmprov.switch import Bounds, Change, PortSetting
from bmprov.vlans import VlanRanges
from tests.valkey import valkey_server
from worker.switches.fake import FakeSwitch, MemoryNotes
from worker.switches.guarded import GuardedSwitch
from worker.switches.switch_lock import LocalSwitchLock, QueueSwitchLock, SwitchLock


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with valkey_server() as url:
        yield url


@pytest.fixture(params=["local", "redis"])
def locks(request: pytest.FixtureRequest, url: str) -> tuple[SwitchLock, SwitchLock]:
    """The lock as two callers have it: threads of one process, or processes with a connection each."""
    if request.param == "local":
        lock = LocalSwitchLock()
        return lock, lock
    return QueueSwitchLock(JobQueue(url)), QueueSwitchLock(JobQueue(url))


def soon() -> Deadline:
    return Deadline.after(5)


def test_one_at_a_time(locks: tuple[SwitchLock, SwitchLock]) -> None:
    """A switch that is held is busy at the caller's deadline; another switch is not, and afterwards it is free."""
    first, second = locks
    with first.hold("sonic://a", soon()):
        with pytest.raises(SwitchBusy, match="switch sonic://a"), second.hold("sonic://a", Deadline.after(0.1)):
            pass
        with second.hold("sonic://b", soon()):
            pass
    with second.hold("sonic://a", soon()):
        pass


def test_an_error_lets_go(locks: tuple[SwitchLock, SwitchLock]) -> None:
    """What goes wrong while a switch is held passes through as it is, and the switch is free."""
    first, second = locks
    with pytest.raises(SwitchRefused, match="in the middle"), first.hold("sonic://a", soon()):
        raise SwitchRefused("in the middle")
    with second.hold("sonic://a", Deadline.after(0.5)):
        pass


def test_a_lock_of_a_killed_process_runs_out_with_its_deadline(url: str) -> None:
    """It lasts as long as the session may, and little longer, however long BMCs are held."""
    queue = JobQueue(url)
    with QueueSwitchLock(queue).hold("sonic://killed", Deadline.after(60)):
        left_ms = queue.redis.pttl("bmprov:bmc:switch:sonic://killed")
    assert isinstance(left_ms, int)
    assert 55_000 < left_ms < 65_000


def test_the_fake_is_the_same_to_all_processes(url: str) -> None:
    """What one has set, another reads, and finds nothing to do."""
    first, second = (
        FakeSwitch("fake://tor1", ["1", "2"], queue, QueueSwitchLock(queue)) for queue in (JobQueue(url), JobQueue(url))
    )
    change = Change("1", PortSetting.trunk({100, 101}, native=99), enabled=False, description="rack1-07")
    outcome = first.apply([change], soon())
    assert outcome.commands == ['port 1: a trunk of VLANs 100-101 with native VLAN 99, disabled, "rack1-07"']
    assert second.read(["1"], soon())["1"] == outcome.after["1"]
    assert not second.plan([change], soon()).commands


def test_what_is_out_of_bounds_is_not_sent() -> None:
    """The guard refuses the whole batch for one port or VLAN that is not ours, in `plan` as in `apply`."""
    switch = FakeSwitch("fake://tor1", ["1", "2", "3"], MemoryNotes(), LocalSwitchLock())
    bounds = Bounds(frozenset({"1", "2"}), frozenset({"2"}), VlanRanges.parse("100-199"))
    guarded = GuardedSwitch("tor1", switch, bounds)
    good = Change("1", PortSetting.access(100))
    for bad in (Change("2", enabled=False), Change("3", enabled=False), Change("1", PortSetting.access(200))):
        for ask in (guarded.plan, guarded.apply):
            with pytest.raises(SwitchForbidden, match="nothing was sent to switch tor1: "):
                ask([bad] if bad.port == "1" else [good, bad], soon())
    assert switch.read(["1"], soon())["1"].untagged == 1
    assert guarded.apply([good], soon(), save=True).saved
    assert guarded.read(["1", "3"], soon())["1"].untagged == 100


def test_many_threads_lose_nothing() -> None:
    """Eight threads that each set a port of the fake all find their port set."""
    switch = FakeSwitch("fake://tor1", [str(number) for number in range(8)], MemoryNotes(), LocalSwitchLock())
    changes = [Change(str(number), PortSetting.access(100 + number)) for number in range(8)]
    threads = [threading.Thread(target=switch.apply, args=([change], soon())) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = switch.read([change.port for change in changes], soon())
    assert [states[change.port].untagged for change in changes] == list(range(100, 108))
