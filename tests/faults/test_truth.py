"""No answer ever says `poweroff` for a machine that CloudStack believes running, whatever we are doing to it."""

import threading
from pathlib import Path
from typing import Self

from bmprov.sim.cloudstack import CloudStack
from bmprov.sim.virtual_machine import VirtualMachine
from tests.faults.conftest import MACHINES, House, until


class Asker:
    """Asks for the power over and over, as CloudStack does, and remembers every answer."""

    def __init__(self, cloudstack: CloudStack, instance: VirtualMachine) -> None:
        self.said: list[str] = []
        self._cloudstack = cloudstack
        self._instance = instance
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.is_set():
            one = self._cloudstack.status(self._instance)
            if one.succeeded:
                self.said.append(one.answer["power_state"])
            several = self._cloudstack.statuses()
            if several.succeeded and self._instance.name in several.answer["power_state"]:
                self.said.append(several.answer["power_state"][self._instance.name])


def test_create_and_reboot_are_never_told_as_off(healthy: House, tmp_path: Path) -> None:
    """The sweep reads twice a second while the machine is off in the middle of its deployment and of its reboot."""
    cloudstack, instance = healthy.cloudstack(tmp_path), healthy.instance()
    with Asker(cloudstack, instance) as asker:
        assert cloudstack.create(instance).succeeded
    assert asker.said, "nothing was asked during the deployment"
    before_reservation = asker.said.count("poweroff")
    assert asker.said[before_reservation:].count("poweroff") == 0
    assert set(asker.said[before_reservation:]) <= {"unknown", "poweron"}
    with Asker(cloudstack, instance) as asker:
        assert cloudstack.reboot(instance).succeeded
    assert set(asker.said) == {"poweron"}


def test_stop_and_start_tell_what_was_read(healthy: House, tmp_path: Path) -> None:
    """`stop` answers when the BMC reads off, `start` when it reads on, and `status` agrees at once."""
    cloudstack, instance = healthy.cloudstack(tmp_path), healthy.instance()
    assert cloudstack.create(instance).succeeded
    for action, power in ((cloudstack.stop, "poweroff"), (cloudstack.start, "poweron")):
        assert action(instance).succeeded
        assert cloudstack.status(instance).answer["power_state"] == power


def test_a_machine_that_somebody_switches_off_is_told_and_recorded(healthy: House, tmp_path: Path) -> None:
    """What nobody ordered is an event, and the truth."""
    cloudstack, instance = healthy.cloudstack(tmp_path), healthy.instance()
    assert cloudstack.create(instance).succeeded
    [machine] = healthy.machines("active")
    healthy.tune(bmc_faults={"lies": "off"})
    until(lambda: cloudstack.status(instance).answer["power_state"] == "poweroff", "the sweep's discovery", 10)
    events = healthy.ask(f"/events?machine={machine['name']}")["events"]
    assert any(event["what"] == "out-of-band power off" for event in events)


def test_a_create_that_cloudstack_gives_up_leaves_nothing(healthy: House, tmp_path: Path) -> None:
    """The machine never boots: create ends before its timeout, stop and delete bring everything back."""
    healthy.tune(faults={"no_dhcp": True})
    cloudstack, instance = healthy.cloudstack(tmp_path, timeout_s=16), healthy.instance()
    given_up = cloudstack.create(instance)
    assert not given_up.succeeded
    assert not given_up.timed_out
    assert given_up.seconds < 11
    assert "so the deployment is being cancelled" in given_up.output  # by a worker, which clears up
    assert cloudstack.status(instance).answer["power_state"] != "poweron"
    assert cloudstack.stop(instance).succeeded
    assert cloudstack.delete(instance).succeeded
    assert len(healthy.machines("available")) == MACHINES
    assert all(machine["power"]["power"] == "off" for machine in healthy.machines("available")), healthy.machines(
        "available"
    )
    assert healthy.ask("/instances")["instances"] == []
