"""What CloudStack's operators and tenants do with instances in the lab, and what must come of it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.lab.instance import Instance
from tests.lab.lab import Lab
from tests.lab.qemu import Firmware
from tests.lab.router import Home


@contextmanager
def deployed(running: Lab, instances: Sequence[Instance]) -> Iterator[Home]:
    """The tenants' network with these instances on it, deployed at once; they are given back afterwards."""
    with ThreadPoolExecutor(len(instances)) as pool:
        for created in pool.map(Instance.create, instances):
            assert created.succeeded, created.told
        with running.router({mac: address for one in instances for mac, address in one.addresses.items()}) as home:
            yield home
            list(pool.map(lambda one: one.do("delete"), instances))


def phones_home(home: Home, one: Instance, firmware: Firmware, within_s: float) -> None:
    """Its host name, its address and how it was booted are what CloudStack and the machine say."""
    mode = firmware.boot_mode.value
    assert home.wait(one.name, within_s) == {"host": one.name, "mode": mode, "address": one.address}


def lives(home: Home, one: Instance, firmware: Firmware, within_s: float) -> None:
    """It phones home, and does so again after a reboot, and after a stop and a start; its power is told right."""
    phones_home(home, one, firmware, within_s)
    assert one.power == "poweron"
    one.do("reboot")
    phones_home(home, one, firmware, within_s)
    one.do("stop")
    assert one.power == "poweroff"
    one.do("start")
    phones_home(home, one, firmware, within_s)
    assert one.power == "poweron"
