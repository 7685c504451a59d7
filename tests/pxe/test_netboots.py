"""A machine that boots from the network over and over."""

from dataclasses import replace
from functools import partial

import pytest
from structlog.testing import capture_logs

from bmprov.deadline import Deadline
from bmprov.lifecycle import State
from bmprov.model import OperationState
from bmprov.power import Power
from bmprov.queue import JobQueue
from bmprov.settings import WorkerSettings
from pxe.boot_loop import LIMIT, too_many
from pxe.dhcp.boots import Boots
from pxe.dhcp.packet import Option, Packet
from pxe.dhcp.policy import Answer, Idle, Wanted
from pxe.dhcp.process import end
from pxe.directory import StoreDirectory
from pxe.http import create_boot_app
from pxe.netboots import Netboots
from pxe.seats import Seats
from tests.pxe.provisioning import Site
from tests.requests import no_ports, no_request
from worker.drivers.fake import FakeDriver, FakeMedia, FakeTools
from worker.flow import MachineDrivers
from worker.runner import Runner

ADDRESS = "10.1.0.50"
MAC = "52:54:00:00:01:00"


def test_a_loop_of_network_boots_fails_the_operation_in_words(site: Site) -> None:
    """The boots up to the limit get their script; the next one none, and the operation wakes with the reason."""
    operation = site.deploy()
    token = site.booted_at(operation, ADDRESS)
    client = create_boot_app(site.boot()).test_client()
    boots = [
        client.get(f"/boot/v1/{token}/script.ipxe", environ_base={"REMOTE_ADDR": ADDRESS}) for _ in range(LIMIT + 1)
    ]
    assert [boot.status_code for boot in boots] == [200] * LIMIT + [410]
    failure = site.operation(operation).report.failure
    assert failure.startswith(f"the machine began {LIMIT + 1} network boots and finished none")
    assert operation.id in site.queue.waiting(["default"])


def test_other_operations_are_counted_apart(site: Site) -> None:
    """A machine begins anew with its next operation."""
    netboots = Netboots(site.queue.redis)
    assert [netboots.count("one"), netboots.count("one"), netboots.count("other")] == [1, 2, 1]


def test_without_redis_machines_boot_all_the_same() -> None:
    """The loop is then ended by the deadline."""
    with capture_logs() as logs:
        assert Netboots(JobQueue("redis://127.0.0.1:1").redis).count("one") == 0
    assert logs[0]["event"] == "a network boot is not counted"


@pytest.mark.parametrize("secure_boot", [False, True])
def test_what_becomes_of_a_machine_that_loops(site: Site, *, secure_boot: bool) -> None:
    """A worker fails the operation and switches the machine off; if it comes back, it is told to boot its disk."""
    operation = site.deploy()
    directory = StoreDirectory(Seats(site.store), site.vault, site.settings.pxe, "default")
    wanted = directory.lookup(MAC)
    assert isinstance(wanted, Wanted)
    if secure_boot:
        boots = Boots(partial(end, site.store))
        answer = Answer(Packet(2, 0, MAC, {Option.MESSAGE_TYPE: b"\5"}), replace(wanted, secure_boot=True))
        for xid in range(LIMIT + 1):
            boots.saw(Packet(1, xid, MAC, {Option.CLIENT_ARCH: b"\0\7"}), answer)
    else:
        token = site.booted_at(operation, ADDRESS)
        client = create_boot_app(site.boot()).test_client()
        for _ in range(LIMIT + 1):
            client.get(f"/boot/v1/{token}/script.ipxe", environ_base={"REMOTE_ADDR": ADDRESS})
    bmc = FakeDriver(Power.ON)
    drivers = MachineDrivers(bmc, FakeTools(), FakeMedia())
    Runner(
        site.store,
        lambda _: drivers,
        WorkerSettings(),
        "w2",
        lambda: 1.0,
        lambda _: "",
        no_request,
        no_ports(site.store),
    ).advance(operation.id)
    ended = site.operation(operation)
    assert ended.state is OperationState.FAILED
    assert too_many(LIMIT + 1) in ended.error
    with site.store.read() as transaction:
        machine = transaction.machines.with_mac(MAC)
    assert machine is not None
    assert machine.state is State.ERROR
    assert machine.fault.startswith(ended.error)
    assert bmc.read(Deadline.after(1)) is Power.OFF
    assert directory.lookup(MAC) == Idle("rack1-01")
