"""A machine that boots from the network over and over."""

from structlog.testing import capture_logs

from bmprov.queue import JobQueue
from pxe.http import create_boot_app
from pxe.netboots import LIMIT, Netboots
from tests.pxe.provisioning import Site

ADDRESS = "10.1.0.50"


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
