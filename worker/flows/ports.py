"""The moves of a machine's switch ports, between the other steps of a flow.

A port moves only while the machine is off: what runs on it never sees another network than the one meant for it.
A switch that does not answer may be restarting, which takes minutes: it is asked again, for as long as that takes.
"""

from collections.abc import Callable

from bmprov.errors import BmprovError, Retryable, SwitchBusy, SwitchHeld
from bmprov.lifecycle import State
from bmprov.payload import InstanceRequest
from bmprov.power import Power, PowerAction
from worker.flow import Context, Done, Fail, Outcome, Step, Wait
from worker.ports import MachinePorts

LIMIT_S = 60.0
_ASK_AGAIN_S = 5.0
_STOPPED_S = 60.0


def to_provisioning(context: Context) -> Outcome:
    """Put the NIC that boots onto the provisioning network. What the instance will want is looked at before."""
    ports, request = context.ports, context.request_of()
    ports.wished(request)
    _off(context)
    return moved(context, lambda: ports.to_provisioning(context.by))


def to_tenant(context: Context) -> Outcome:
    """Give the machine the networks of its instance; a machine whose cables are not where they were is not booted."""
    ports, request = context.ports, context.request_of()
    ports.wished(request)
    if lost := _without_port(ports, request):
        return Fail(
            f"the switch port of NIC {', '.join(lost)} of {context.machine.name} is not known: LLDP did not tell it",
            f"bmprov cable set {context.machine.name} {lost[0]} SWITCH PORT",
        )
    _off(context)
    return moved(context, lambda: ports.to_tenant(request, context.by))


def close(context: Context) -> Outcome:
    """Take the machine off every network."""
    return moved(context, lambda: context.ports.isolate(context.by))


def open_for_instance(context: Context) -> Outcome:
    """Give a machine that is being started the networks of its instance, which may be others than before."""
    if context.machine.state is not State.ACTIVE:
        return Done("no instance has the machine: its ports stay as they are")
    request = context.request_of()
    return moved(context, lambda: context.ports.to_tenant(request, context.by))


def close_when_stopped(context: Context) -> Outcome:
    """Take a machine that is off off its networks, whose VLANs CloudStack may give to others now."""
    is_off = f"{context.machine.name} is off"
    try:
        return Done("; ".join(context.ports.isolate(context.by)), message=is_off)
    except BmprovError as error:  # it is off all the same, which is what was asked for
        if isinstance(error, SwitchBusy) and not context.overdue:
            return Wait(str(error), _STOPPED_S, _ASK_AGAIN_S)
        return Done(f"its switch ports are not closed: {error}", message=is_off)


def moved(context: Context, move: Callable[[], list[str]]) -> Outcome:
    """What comes of a move."""
    try:
        return Done("; ".join(move()))
    except Retryable as error:
        if context.overdue:
            return Fail(error.why, error.check)
        return Wait(str(error), context.limits.switch_s, max(_ASK_AGAIN_S, error.retry_after_s or 0.0))


def closed(context: Context, fail: Fail) -> Fail:
    """The same failure, of a machine that is on no network any more."""
    try:
        if context.ports.managed:
            _isolate(context)
    except BmprovError as error:
        return fail.also(f"its switch ports are not closed: {error}")
    return fail


def _isolate(context: Context) -> None:
    """Close the ports now or not at all: whoever else of ours is on a switch has soon done."""
    while True:
        try:
            context.ports.isolate(context.by)
        except SwitchHeld:  # after the lock's own patience
            if context.by.passed:
                raise
        else:
            return


def _without_port(ports: MachinePorts, request: InstanceRequest) -> list[str]:
    return [mac for mac in ports.carriers(request) if mac in ports.unknown]


def _off(context: Context) -> None:
    if context.observe(context.driver.read(context.by)) is not Power.OFF:
        context.observe(context.driver.switch(PowerAction.OFF, context.by))


TO_PROVISIONING = Step("switch ports: provisioning", to_provisioning, LIMIT_S, ports=True)
TO_TENANT = Step("switch ports: tenant", to_tenant, LIMIT_S, ports=True)
OPEN = Step("switch ports: tenant", open_for_instance, LIMIT_S, ports=True)
CLOSE_STOPPED = Step("switch ports: closed", close_when_stopped, LIMIT_S, ports=True)
CLOSE = Step("switch ports: closed", close, LIMIT_S, ports=True)
