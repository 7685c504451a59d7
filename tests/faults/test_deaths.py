"""Processes die and Redis forgets in the middle of deployments: they complete, nothing that matters is done twice."""

from pathlib import Path

import pytest

from bmprov.sim.cloudstack import Result
from tests.faults.conftest import House, until

STEPS = ["boot device: network, once", "power cycle", "boot device: disk", "reboot", "verify"]


def deploying(house: House) -> dict[str, object]:
    """The newest deployment."""
    return next(one for one in house.ask("/operations?limit=20")["operations"] if one["kind"] == "deploy")


def settled(house: House, result: list[Result], writes: int = 1) -> str:
    """What must hold after a deployment, whatever died meanwhile; the operation's id."""
    assert result, "create did not return"
    assert result[0].succeeded, result[0].told
    operation = deploying(house)
    assert operation["state"] == "succeeded"
    assert len(house.machines("active")) == 1
    assert 1 <= house.calls(str(operation["id"]), "/ramdisk/v1/done") <= writes, "the image was written again"
    return str(operation["id"])


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_dies_in_a_step(healthy: House, tmp_path: Path, step: str) -> None:
    """A kill -9 of the worker while it talks to the BMC; it is started again, takes its lease back and goes on."""
    healthy.tune(bmc_faults={"slow_s": 0.08})
    cloudstack, instance, result = healthy.cloudstack(tmp_path), healthy.instance(), []
    creating = healthy.in_background(lambda: result.append(cloudstack.create(instance)))
    until(lambda: _is_running(healthy, step), f"step '{step}'", 30)
    assert healthy.kill("worker") == 2
    creating.join(60)
    settled(healthy, result)


def _is_running(house: House, step: str) -> bool:
    running = house.ask("/operations?unfinished=true")["operations"]
    return any(one["kind"] == "deploy" and one["step"] == step and one["state"] == "running" for one in running)


@pytest.mark.parametrize("victim", [("watch",), ("pxe", "http"), ("pxe", "dhcp"), ("serve",)])
def test_another_process_dies(healthy: House, tmp_path: Path, victim: tuple[str, ...]) -> None:
    """A kill -9 of each of the others while the machine boots: it tries again, and so does the extension."""
    cloudstack, instance, result = healthy.cloudstack(tmp_path), healthy.instance(), []
    creating = healthy.in_background(lambda: result.append(cloudstack.create(instance)))
    until(lambda: bool(healthy.ask("/operations?unfinished=true")["operations"]), "the deployment's begin", 30)
    assert healthy.kill(*victim) >= 1
    creating.join(60)
    settled(healthy, result, writes=2)  # a call whose answer was lost is made again


def test_redis_forgets_everything(healthy: House, tmp_path: Path) -> None:
    """FLUSHALL again and again during a deployment: the rows in SQL say what is to be done."""
    cloudstack, instance, result = healthy.cloudstack(tmp_path), healthy.instance(), []
    creating = healthy.in_background(lambda: result.append(cloudstack.create(instance)))
    while creating.is_alive():
        healthy.redis.flushall()
        creating.join(0.05)
    settled(healthy, result)


def test_redis_is_restarted(healthy: House, tmp_path: Path) -> None:
    """Redis is killed and comes back empty: workers reconnect, `watch` nudges, the deployment completes."""
    cloudstack, instance, result = healthy.cloudstack(tmp_path), healthy.instance(), []
    creating = healthy.in_background(lambda: result.append(cloudstack.create(instance)))
    until(lambda: bool(healthy.ask("/operations?unfinished=true")["operations"]), "the deployment's begin", 30)
    assert healthy.kill(str(healthy.folder / "valkey.conf")) >= 1 or _kill_valkey(healthy)
    creating.join(60)
    settled(healthy, result)


def _kill_valkey(house: House) -> bool:
    """Valkey shows its port instead of its command line."""
    house.redis.shutdown(nosave=True, now=True)
    return True
