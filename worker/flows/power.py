"""Power operations. Each ends only when the BMC has read back what was asked for.

`soft-off` and `cycle` ask the operating system to shut down and give it `shutdown_s` before the power is cut: what is
on the tenant's disks matters more than a minute. `off` and `reset` act at once. A machine that is switched off leaves
its networks, and gets them back when it is switched on.
"""

from bmprov.errors import BmcRefused
from bmprov.power import Power, PowerAction
from worker.flow import Context, Done, Flow, Outcome, Step, Wait
from worker.flows import ports

_POLL_S = 2.0
_REMIND_S = 6.0


def _switch(context: Context, action: PowerAction) -> None:
    """Switch it. What was read before counts no more, whether or not an answer comes."""
    context.observe(Power.UNKNOWN)
    context.observe(context.driver.switch(action, context.by))


def power_on(context: Context) -> Outcome:
    """Switch the machine on."""
    _switch(context, PowerAction.ON)
    return Done(f"{context.machine.name} is on")


def power_off(context: Context) -> Outcome:
    """Cut the power."""
    _switch(context, PowerAction.OFF)
    return Done(f"{context.machine.name} is off")


def shut_down(context: Context) -> Outcome:
    """Ask the operating system to shut down, and wait until it has or its time is over.

    It is asked again every few seconds: a system that is still booting does not hear the first time.
    """
    power = context.driver.read(context.by)
    if power is Power.OFF:
        return Done("it is off")
    if context.overdue:
        return Done(f"it was still on after {context.limits.shutdown_s:g} s")
    if context.waited_of(context.limits.shutdown_s) % _REMIND_S < _POLL_S:
        try:
            _switch(context, PowerAction.SOFT_OFF)
        except BmcRefused as refusal:
            return Done(f"the BMC cannot ask for it ({refusal.why})")
    return Wait("the operating system to shut down", context.limits.shutdown_s, _POLL_S)


def reset(context: Context) -> Outcome:
    """Restart the machine at once."""
    _switch(context, PowerAction.RESET)
    return Done(f"{context.machine.name} is restarted")


_POWER_OFF = Step("power off", power_off)
_POWER_ON = Step("power on", power_on)
_SHUT_DOWN = Step("shut down", shut_down)

ON = Flow((ports.OPEN, _POWER_ON))
OFF = Flow((_POWER_OFF, ports.CLOSE_STOPPED))
SHUT_DOWN = Flow((_SHUT_DOWN, _POWER_OFF, ports.CLOSE_STOPPED))
CYCLE = Flow((_SHUT_DOWN, _POWER_OFF, _POWER_ON))
RESET = Flow((Step("reset", reset),))
