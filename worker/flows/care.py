"""What MAAS does for a machine beside its use: rescue mode, locks, broken and fixed. Other machines have none of it."""

from bmprov.errors import Refused
from bmprov.maas import NodeStatus, Standing, status_words
from worker.flow import Context, Done, Fail, Flow, Outcome, Step, Wait
from worker.maas.place import Place

_RESCUE_S, _POLL_S = 1100.0, 5.0


def enter_rescue_mode(context: Context) -> Outcome:
    """Restart the machine into MAAS's rescue system, and wait until it runs."""
    place = _place(context)
    found = place.mine(context.by)
    if found.status is NodeStatus.RESCUE_MODE:
        return Done(f"{context.machine.name} is in rescue mode")
    if found.status is NodeStatus.FAILED_ENTERING_RESCUE_MODE and context.operation.wait_until is not None:
        return Fail("MAAS could not start its rescue system", f"look at the events of {place}")
    if context.overdue:
        return Fail(f"the rescue system did not start within {_RESCUE_S:g} s", f"look at the console of {place}")
    if found.status is not NodeStatus.ENTERING_RESCUE_MODE:
        place.calls.rescue_mode(place.system_id, context.by)
    return Wait("MAAS's rescue system", _RESCUE_S, _POLL_S)


def exit_rescue_mode(context: Context) -> Outcome:
    """Restart the machine into its own system, and wait until MAAS says so."""
    place = _place(context)
    found = place.mine(context.by)
    if found.standing is not Standing.RESCUE:
        return Done(f"{context.machine.name} is {status_words(found.status)}")
    if found.status is NodeStatus.FAILED_EXITING_RESCUE_MODE and context.operation.wait_until is not None:
        return Fail("MAAS could not leave its rescue system", f"look at the events of {place}")
    if context.overdue:
        return Fail(f"the rescue system did not end within {_RESCUE_S:g} s", f"look at the console of {place}")
    if found.status is not NodeStatus.EXITING_RESCUE_MODE:
        place.calls.exit_rescue_mode(place.system_id, context.by)
    return Wait("the machine's own system", _RESCUE_S, _POLL_S)


def lock(context: Context) -> Outcome:
    """Let nobody change the machine in MAAS."""
    place = _place(context)
    if not place.mine(context.by).locked:
        place.calls.lock(place.system_id, _comment(context), context.by)
    return Done(f"{context.machine.name} is locked in MAAS")


def unlock(context: Context) -> Outcome:
    """Let it be changed again."""
    place = _place(context)
    if place.mine(context.by).locked:
        place.calls.unlock(place.system_id, _comment(context), context.by)
    return Done(f"{context.machine.name} is not locked in MAAS")


def mark_broken(context: Context) -> Outcome:
    """Take it out of use."""
    place = _place(context)
    if place.mine(context.by).status is not NodeStatus.BROKEN:
        place.calls.mark_broken(place.system_id, _comment(context), context.by)
    return Done(f"{context.machine.name} is Broken in MAAS, until it is marked fixed")


def mark_fixed(context: Context) -> Outcome:
    """Put it into use again."""
    place = _place(context)
    found = place.calls.machine(place.system_id, context.by)
    if found.status is NodeStatus.BROKEN:
        found = place.calls.mark_fixed(place.system_id, _comment(context), context.by)
    return Done(f"{context.machine.name} is {status_words(found.status)} in MAAS")


def _comment(context: Context) -> str:
    return f"bmprov, for {context.operation.requested_by}"


def _place(context: Context) -> Place:
    if context.drivers.maas is None:
        raise Refused(
            f"machine {context.machine.name} is not MAAS's", "use `bmprov machine maintenance` to keep it from use"
        )
    return context.drivers.maas


CARE = {
    "rescuemode": Flow((Step("rescue mode", enter_rescue_mode),)),
    "exitrescuemode": Flow((Step("leave rescue mode", exit_rescue_mode),)),
    "lock": Flow((Step("lock in MAAS", lock),)),
    "unlock": Flow((Step("unlock in MAAS", unlock),)),
    "markbroken": Flow((Step("mark broken in MAAS", mark_broken),)),
    "markfixed": Flow((Step("mark fixed in MAAS", mark_fixed),)),
}
"""By the name of the custom action."""
