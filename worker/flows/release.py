"""Giving a machine back: off, on no network, and nothing of the instance left in our records.

The disks are not wiped here: that is the ramdisk's work.
"""

from bmprov.lifecycle import Event
from bmprov.power import BootDevice, BootOverride, PowerAction
from worker.flow import Context, Done, Flow, Outcome, Step
from worker.flows import media, ports


def power_off(context: Context) -> Outcome:
    """Cut the power: the instance is gone and so is what ran on it."""
    context.observe(context.driver.switch(PowerAction.OFF, context.by))
    return Done(event=Event.RELEASED)


def boot_default(context: Context) -> Outcome:
    """Take back our boot override."""
    context.driver.set_boot(BootOverride(BootDevice.DEFAULT, once=False), context.by)
    return Done()


def clean(context: Context) -> Outcome:
    """End the instance's claim and delete its payload, with the user data and passwords in it."""
    if context.machine.maintenance:
        return Done(f"{context.machine.name} is given back, and stays out of use", forget=True)
    return Done(f"{context.machine.name} is available", forget=True)


_BEGIN = (Step("power off", power_off), ports.CLOSE, Step("boot device: default", boot_default))
CLEAN = Step("clean", clean)

RELEASE = Flow((*_BEGIN, CLEAN), ports.closed)

RELEASE_WITH_CD = Flow((*_BEGIN, media.EJECT, CLEAN), ports.closed)
