"""Reserving, deploying and giving back a machine through MAAS.

A machine that MAAS has allocated is ours when its `agent_name` is the instance's UUID: so a step that runs again finds
what its first run did, whichever worker that was, and nobody else's machine is ever touched. What somebody does to the
machine in MAAS itself is found by the same question, and said.
"""

from collections.abc import Callable
from dataclasses import replace

from bmprov.errors import BmprovError, Retryable
from bmprov.lifecycle import Event, Kind
from bmprov.maas import MaasMachine, NodeStatus, Standing, status_words
from bmprov.model import Erase
from bmprov.payload import prepare_answer
from bmprov.power import Power
from images.user_data import cloud_user_data
from worker.flow import Context, Done, Fail, Flow, Outcome, Retry, Step, Wait
from worker.flows.deploy import verify
from worker.flows.release import CLEAN
from worker.maas.calls import Constraints
from worker.maas.carriers import carriers
from worker.maas.errors import MaasConflict, MaasGone
from worker.maas.network import Networks
from worker.maas.place import Place
from worker.maas.reason import why_it_failed

_IN_HAND = {Standing.DEPLOYING, Standing.DEPLOYED}


def allocate(context: Context) -> Outcome:
    """Make sure that MAAS has given us the machine, for this instance."""
    place, operation = _place(context), context.operation
    if context.machine.instance_id is None or context.machine.instance_id != operation.instance_id:
        has = context.machine.instance_id or "none"
        return Fail(f"machine {context.machine.name} belongs to instance {has}", "ask for the instance again")
    ours = None if operation.kind is Kind.RESERVE and not operation.attempt else _ours(context)
    if ours is None:
        try:
            comment = f"for CloudStack instance {operation.instance_id} of {operation.cloud or 'bmprov'}"
            wanted = Constraints(system_id=place.system_id)
            ours = place.calls.allocate(wanted, operation.instance_id or "", comment, context.by)
        except (MaasConflict, MaasGone) as refusal:
            ours = _ours(context)  # by a run before this one
            if ours is None:
                return _taken(context, refusal)
    if ours.standing not in _IN_HAND | {Standing.ALLOCATED}:
        return _given_back_first(context, ours)
    return Done(f"{ours.hostname} ({place.system_id}) in MAAS region '{place.region.name}'")


def _taken(context: Context, refusal: BmprovError) -> Fail:
    place = _place(context)
    try:
        found = place.calls.machine(place.system_id, context.by)
        stands = f"it is {status_words(found.status)}" + (f", owned by {found.owner}" if found.owner else "")
    except MaasGone:
        stands = "it is not there any more"
    return Fail(
        f"MAAS region '{place.region.name}' does not give machine {context.machine.name}: {stands}",
        f"ask again for another machine ({refusal.why})",
        taken=context.operation.kind is Kind.RESERVE,
    )


def _given_back_first(context: Context, ours: MaasMachine) -> Outcome:
    """What a deployment that failed has left can only be deployed again after it was released."""
    place = _place(context)
    if context.overdue:
        return Fail(f"{place} is {status_words(ours.status)} and was not given back", "look at its events in MAAS")
    if ours.standing is not Standing.RETURNING:
        place.calls.release(place.system_id, Erase.NONE, "to be deployed again", context.by)
    return Wait("MAAS to take the machine back", context.limits.maas_release_s, context.limits.maas_look_s)


def tell_macs(context: Context) -> Outcome:
    """Choose the interface for each NIC of the instance: CloudStack is told their MACs."""
    place, request = _place(context), context.request_of()
    ours = _ours(context)
    if ours is None:
        return _lost(context)
    found = carriers(request.nics, ours.nics, Networks(place, context.by).vids_of)
    answer = prepare_answer(
        request,
        {nic_uuid: nic.mac for nic_uuid, nic in found.items()},
        {"External:bmprov.machine": context.machine.name},
    )
    return Done(f"{context.machine.name} is reserved", answer=answer)


def connect(context: Context) -> Outcome:
    """Put the interfaces on their VLANs, with their addresses."""
    ours = _ours(context)
    if ours is None:
        return _lost(context)
    if ours.standing in _IN_HAND:
        return Done("MAAS is deploying it already")
    request, networks = context.request_of(), Networks(_place(context), context.by)
    found = carriers(request.nics, ours.nics, networks.vids_of)
    by_dhcp = request.choice.address_by_dhcp
    done = [networks.settle(found[nic.nic_uuid], nic, by_dhcp=by_dhcp) for nic in request.nics]
    return Done(", ".join(done))


def deploy(context: Context) -> Outcome:
    """Let MAAS deploy the system, with the instance's keys, names and data."""
    place, ours = _place(context), _ours(context)
    if ours is None:
        return _lost(context)
    if ours.standing in _IN_HAND:
        return Done("MAAS is deploying it already")
    request = context.request_of()
    series, kernel = request.choice.series or "", request.choice.hwe_kernel or ""
    place.calls.deploy(place.system_id, series, kernel, cloud_user_data(request), context.by)
    return Done(series or "MAAS's default system")


def wait_for_deployed(context: Context) -> Outcome:
    """Until MAAS has deployed it; no worker waits meanwhile."""
    place, ours = _place(context), _ours(context)
    if ours is None:
        return _lost(context)
    match ours.standing:
        case Standing.DEPLOYED:
            return Done(f"{ours.osystem}/{ours.distro_series}")
        case Standing.DEPLOYING if not context.overdue:
            return Wait("MAAS to deploy the machine", context.limits.maas_deploy_s, context.limits.maas_look_s)
        case Standing.DEPLOYING:
            why = f"MAAS did not deploy it within {context.limits.maas_deploy_s:g} s"
            return _given_up(context, why, lambda: place.calls.abort(place.system_id, why, context.by))
        case Standing.FAILED_DEPLOYMENT:
            return _given_up(context, f"MAAS could not deploy it: {why_it_failed(place, ours, context.by)}")
    aborted = ours.standing is Standing.ALLOCATED
    why = "somebody has aborted its deployment in MAAS" if aborted else f"{place} is {status_words(ours.status)}"
    return Fail(why, f"look at the events of {place}", quarantine=not aborted)


def _given_up(context: Context, why: str, first: Callable[[], object] = lambda: None) -> Fail:
    """A machine that does not deploy is Broken in MAAS too: it goes back to nobody before somebody has looked."""
    place = _place(context)
    fail = Fail(why, f"look at the console and the events of {place}, and mark it fixed there", quarantine=True)
    try:
        first()
        place.calls.mark_broken(place.system_id, f"bmprov: {why}", context.by)
    except BmprovError as error:
        return replace(fail, check=f"{fail.check}; it could not be marked broken ({error.why})")
    return fail


def release(context: Context) -> Outcome:
    """Give the machine back to MAAS, disks erased as the operator chose."""
    place, ours = _place(context), _ours(context)
    if ours is None:
        return Done("it is not ours in MAAS", event=Event.RELEASED)
    if context.machine.maintenance and ours.standing is Standing.FAILED_DEPLOYMENT:
        place.calls.mark_broken(place.system_id, f"bmprov: {context.machine.maintenance}", context.by)
        return Done("it stays Broken in MAAS until somebody has marked it fixed", event=Event.RELEASED)
    if ours.locked:
        return Fail(f"{place} is locked in MAAS", "unlock it there, or by the action `unlock`, and ask again")
    comment = f"CloudStack instance {context.operation.instance_id} has ended"
    place.calls.release(place.system_id, place.region.erase, comment, context.by)
    return Done(event=Event.RELEASED)


def wait_for_ready(context: Context) -> Outcome:
    """Until MAAS has it back."""
    place = _place(context)
    try:
        found = place.calls.machine(place.system_id, context.by)
    except MaasGone:
        return Done("it was deleted in MAAS")
    match found.standing:
        case Standing.RETURNING if not context.overdue:
            return Wait("MAAS to take the machine back", context.limits.maas_release_s, context.limits.maas_look_s)
        case Standing.RETURNING:
            why = f"MAAS did not take it back within {context.limits.maas_release_s:g} s"
            return Fail(why, f"look at the events of {place}", quarantine=True)
        case Standing.FAILED_RETURN:
            why = f"MAAS could not take it back: {why_it_failed(place, found, context.by)}"
            return Fail(why, f"look at the events of {place}", quarantine=True)
    context.observe(found.power if found.power is not Power.UNKNOWN else context.machine.reading.power)
    return Done(f"it is {status_words(found.status)} in MAAS")


def take_home(context: Context) -> Outcome:
    """Put its interfaces back to where they were: MAAS leaves a tenant's VLAN and address on them."""
    place = _place(context)
    try:
        found = place.calls.machine(place.system_id, context.by)
    except MaasGone:
        return Done("it was deleted in MAAS")
    if found.standing is not Standing.FREE and found.status is not NodeStatus.BROKEN:
        return Done(f"somebody else has it: it is {status_words(found.status)}")
    networks, homes = Networks(place, context.by), {nic.mac: nic for nic in context.machine.nics}
    moved = [nic.name for nic in found.nics if nic.mac in homes and networks.take_home(nic, homes[nic.mac])]
    return Done(", ".join(moved) or "they are at home")


def look(context: Context) -> Outcome:
    """Whether MAAS would give the machine."""
    place = _place(context)
    found = place.calls.machine(place.system_id, context.by)
    if found.standing is not Standing.FREE:
        has = f", owned by {found.owner}" if found.owner else ""
        return Fail(f"{place} is {status_words(found.status)}{has}", "only a Ready machine can be used")
    context.observe(context.driver.read(context.by))
    return Done(f"{found.hostname} is {status_words(found.status)} in MAAS")


def _place(context: Context) -> Place:
    place = context.drivers.maas
    if place is None:
        raise Retryable(f"machine {context.machine.name} is in no MAAS region", "look with `bmprov maas list`")
    return place


def _ours(context: Context) -> MaasMachine | None:
    """The machine as MAAS has it, if it is allocated for the operation's instance."""
    place = _place(context)
    return place.calls.allocated_to(place.system_id, context.operation.instance_id or "", context.by)


def _lost(context: Context) -> Fail:
    return Fail(
        f"{_place(context)} is not this instance's any more: somebody has released, taken or deleted it there",
        "look at its events in MAAS",
    )


def verify_power(context: Context) -> Outcome:
    """Make sure that the machine is on, by its BMC's word."""
    outcome = verify(context)
    return replace(outcome, check="look at its events in MAAS") if isinstance(outcome, Retry) else outcome


_ALLOCATE = Step("allocate", allocate)

RESERVE = Flow((_ALLOCATE, Step("choose the interfaces", tell_macs)))

DEPLOY_BY_MAAS = Flow(
    (
        _ALLOCATE,
        Step("interfaces and VLANs", connect, 60.0),
        Step("deploy with user data", deploy, 30.0),
        Step("wait for Deployed", wait_for_deployed),
        Step("verify", verify_power),
    )
)

RELEASE_TO_MAAS = Flow(
    (
        Step("release", release, 30.0),
        Step("wait for Ready", wait_for_ready),
        Step("interfaces at home", take_home, 60.0),
        CLEAN,
    )
)

INSPECT_IN_MAAS = Flow((Step("look in MAAS", look),))
