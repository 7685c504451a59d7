"""Giving a machine back to MAAS, and its interfaces to where they were."""

from bmprov.errors import Fatal, Retryable
from bmprov.lifecycle import Event
from bmprov.maas import LinkMode, MaasMachine, NodeStatus, Standing, status_words
from bmprov.power import Power
from worker.flow import Context, Done, Fail, Flow, Outcome, Step
from worker.flows.allocated import US, is_our_users, let_go, ours_in, place_in, until_returned
from worker.flows.release import CLEAN
from worker.maas.errors import MaasGone
from worker.maas.network import Networks
from worker.maas.reason import why_it_failed

_UNFIT = {Standing.FAILED_DEPLOYMENT, Standing.DEPLOYING, Standing.ALLOCATED}


def release(context: Context) -> Outcome:
    """Give the machine back to MAAS, disks erased as the operator chose."""
    place, ours = place_in(context), ours_in(context) or _stuck(context)
    if ours is None:
        return Done("it is not ours in MAAS", event=Event.RELEASED)
    if ours.standing is Standing.RETURNING:
        return Done("MAAS takes it back already", event=Event.RELEASED)
    if context.machine.maintenance_by == US and ours.standing in _UNFIT:
        place.calls.mark_broken(place.system_id, f"{US}: {context.machine.maintenance}", context.by)
        return Done("it stays Broken in MAAS until somebody has marked it fixed", event=Event.RELEASED)
    if ours.locked:
        return Fail(f"{place} is locked in MAAS", "unlock it there, or by the action `unlock`, and ask again")
    comment = f"CloudStack instance {context.operation.instance_id} has ended"
    let_go(context, ours, place.region.erase, comment)
    return Done(event=Event.RELEASED)


def _stuck(context: Context) -> MaasMachine | None:
    """The machine, if MAAS could not take it back: it is the instance's no more then, and must be released anew."""
    place = place_in(context)
    try:
        found = place.calls.machine(place.system_id, context.by)
    except MaasGone:
        return None
    return found if found.standing is Standing.FAILED_RETURN and is_our_users(context, found) else None


def wait_for_ready(context: Context) -> Outcome:
    """Until MAAS has it back."""
    place = place_in(context)
    try:
        found = place.calls.machine(place.system_id, context.by)
    except MaasGone:
        return Done("it was deleted in MAAS")
    except Retryable:
        if context.overdue:
            raise
        return until_returned(context)
    match found.standing:
        case Standing.RETURNING if not context.overdue:
            return until_returned(context)
        case Standing.RETURNING:
            why = f"MAAS did not take it back within {context.limits.maas_release_s:g} s"
            return Fail(why, f"look at the events of {place}", quarantine=True)
        case Standing.FAILED_RETURN if is_our_users(context, found):
            why = f"MAAS could not take it back: {why_it_failed(place, found, context.by)}"
            return Fail(why, f"look at the events of {place}", quarantine=True)
    context.observe(found.power if found.power is not Power.UNKNOWN else context.machine.reading.power)
    return Done(f"it is {status_words(found.status)} in MAAS")


def take_home(context: Context) -> Outcome:
    """Put its interfaces back to where they were: MAAS leaves a tenant's VLAN and address on them."""
    place = place_in(context)
    try:
        found = place.calls.machine(place.system_id, context.by)
    except MaasGone:
        return Done("it was deleted in MAAS")
    if found.standing is not Standing.FREE and found.status is not NodeStatus.BROKEN:
        return Done(f"somebody else has it: it is {status_words(found.status)}")
    networks, homes = Networks(place, context.by), {nic.mac: nic for nic in context.machine.nics}
    bare = all(link.mode == LinkMode.LINK_UP for nic in found.nics for link in nic.links)
    try:
        moved = [
            nic.name for nic in found.nics if nic.mac in homes and networks.take_home(nic, homes[nic.mac], bare=bare)
        ]
    except Fatal as error:
        if context.machine.maintenance:
            return Done(f"they stay where they are ({error.why}), and the machine in maintenance")
        return Fail(f"its interfaces could not be put back: {error.why}", f"put back those of {place}", quarantine=True)
    return Done(", ".join(moved) or "they are at home")


RELEASE_TO_MAAS = Flow(
    (
        Step("release", release, 30.0),
        Step("wait for Ready", wait_for_ready),
        Step("interfaces at home", take_home, 60.0),
        CLEAN,
    )
)
