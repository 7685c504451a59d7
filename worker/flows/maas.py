"""Reserving and deploying a machine through MAAS.

A machine that MAAS has allocated is ours when its `agent_name` is the instance's UUID: so a step that runs again finds
what its first run did, whichever worker that was, and nobody else's machine is ever touched. What somebody does to the
machine in MAAS itself is found by the same question, and said.
"""

from collections.abc import Callable
from dataclasses import replace

from bmprov.errors import BmprovError, Retryable
from bmprov.lifecycle import Kind, State
from bmprov.maas import MaasMachine, NodeStatus, Standing, status_words
from bmprov.model import Erase
from bmprov.payload import prepare_answer
from bmprov.power import Power
from images.user_data import cloud_user_data
from worker.flow import Context, Done, Fail, Flow, Outcome, Retry, Step, Wait
from worker.flows import power
from worker.flows.allocated import US, let_go, lost, ours_in, place_in, until_returned
from worker.flows.deploy import verify
from worker.maas.calls import Constraints
from worker.maas.carriers import carriers
from worker.maas.errors import MaasConflict, MaasGone
from worker.maas.network import Networks
from worker.maas.read_back import difference
from worker.maas.reason import why_it_failed

_IN_HAND = {Standing.DEPLOYING, Standing.DEPLOYED}


def allocate(context: Context) -> Outcome:
    """Make sure that MAAS has given us the machine, for this instance."""
    place, operation = place_in(context), context.operation
    if context.machine.instance_id is None or context.machine.instance_id != operation.instance_id:
        has = context.machine.instance_id or "none"
        return Fail(f"machine {context.machine.name} belongs to instance {has}", "ask for the instance again")
    ours = None if operation.kind is Kind.RESERVE and not operation.attempt else ours_in(context)
    if ours is None:
        try:
            comment = f"for CloudStack instance {operation.instance_id} of {operation.cloud or 'bmprov'}"
            wanted = Constraints(system_id=place.system_id)
            ours = place.calls.allocate(wanted, operation.instance_id or "", comment, context.by)
        except (MaasConflict, MaasGone) as refusal:
            ours = ours_in(context)  # by a run before this one
            if ours is None:
                return _taken(context, refusal)
    if ours.standing not in _IN_HAND | {Standing.ALLOCATED}:
        return _given_back_first(context, ours)
    return Done(f"{ours.hostname} ({place.system_id}) in MAAS region '{place.region.name}'")


def _taken(context: Context, refusal: BmprovError) -> Outcome:
    place = place_in(context)
    try:
        found = place.calls.machine(place.system_id, context.by)
        if context.operation.kind is Kind.DEPLOY and found.standing is Standing.RETURNING and not context.overdue:
            return until_returned(context)  # by us, to be deployed again
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
    place = place_in(context)
    if context.overdue:
        return Fail(f"{place} is {status_words(ours.status)} and was not given back", "look at its events in MAAS")
    let_go(context, ours, Erase.NONE, "to be deployed again")
    return until_returned(context)


def tell_macs(context: Context) -> Outcome:
    """Choose the interface for each NIC of the instance: CloudStack is told their MACs."""
    place, request = place_in(context), context.request_of()
    ours = ours_in(context)
    if ours is None:
        return lost(context)
    found = carriers(request.nics, ours.nics, Networks(place, context.by).vids_of)
    answer = prepare_answer(
        request,
        {nic_uuid: nic.mac for nic_uuid, nic in found.items()},
        {"External:bmprov.machine": context.machine.name},
    )
    return Done(f"{context.machine.name} is reserved", answer=answer)


def connect(context: Context) -> Outcome:
    """Put the interfaces on their VLANs, with their addresses."""
    ours = ours_in(context)
    if ours is None:
        return lost(context)
    if ours.standing in _IN_HAND:
        return Done("MAAS is deploying it already")
    request, networks = context.request_of(), Networks(place_in(context), context.by)
    found = carriers(request.nics, ours.nics, networks.vids_of)
    all_by_dhcp = request.choice.address_by_dhcp
    done = [networks.settle(ours, found[nic.nic_uuid], nic, by_dhcp=all_by_dhcp or nic.by_dhcp) for nic in request.nics]
    return Done(", ".join(done))


def deploy(context: Context) -> Outcome:
    """Let MAAS deploy the system, with the instance's keys, names and data."""
    place, ours = place_in(context), ours_in(context)
    if ours is None:
        return lost(context)
    if ours.standing in _IN_HAND | {Standing.FAILED_DEPLOYMENT}:  # by a run before this one
        return Done("MAAS was asked to deploy it already")
    request = context.request_of()
    series, kernel = request.choice.series or "", request.choice.hwe_kernel or ""
    context.observe(Power.UNKNOWN)  # MAAS switches it on, whether its answer comes or not
    place.calls.deploy(place.system_id, series, kernel, cloud_user_data(request), context.by)
    return Done(series or "MAAS's default system")


def wait_for_deployed(context: Context) -> Outcome:
    """Until MAAS has deployed it; no worker waits meanwhile."""
    wait = Wait("MAAS to deploy the machine", context.limits.maas_deploy_s, context.limits.maas_look_s)
    try:
        ours = ours_in(context)
    except Retryable:
        if context.overdue:
            raise
        return wait  # a region that is restarted deploys on
    if ours is None:
        return _given_up_before(context) or lost(context)
    return wait if ours.standing is Standing.DEPLOYING and not context.overdue else _deployed(context, ours)


def _deployed(context: Context, ours: MaasMachine) -> Outcome:
    place = place_in(context)
    match ours.standing:
        case Standing.DEPLOYED:
            return Done(f"{ours.osystem}/{ours.distro_series}")
        case Standing.DEPLOYING | Standing.ALLOCATED if context.overdue:
            return _given_up_late(context, ours)
        case Standing.ALLOCATED:
            return Fail("somebody has aborted its deployment in MAAS", f"look at the events of {place}")
        case Standing.FAILED_DEPLOYMENT:
            return _given_up(context, f"MAAS could not deploy it: {why_it_failed(place, ours, context.by)}")
    return Fail(f"{place} is {status_words(ours.status)}", f"look at the events of {place}", quarantine=True)


def read_back(context: Context) -> Outcome:
    """Make sure that the interfaces are what they were made to be: MAAS changes some by itself when a machine boots."""
    ours = ours_in(context)
    if ours is None:
        return lost(context)
    request = context.request_of()
    found = carriers(request.nics, ours.nics, Networks(place_in(context), context.by).vids_of)
    for nic in request.nics:
        by_dhcp = request.choice.address_by_dhcp or nic.by_dhcp
        if differs := difference(nic, found[nic.nic_uuid], ours, by_dhcp=by_dhcp):
            return Fail(
                differs, f"look at the interfaces of {place_in(context)}, and on which VLAN MAAS serves its boot"
            )
    return Done("they are what they were made to be")


def _given_up_late(context: Context, ours: MaasMachine) -> Fail:
    """One that is Allocated was aborted by a run before this one."""
    place, why = place_in(context), f"MAAS did not deploy it within {context.limits.maas_deploy_s:g} s"
    if ours.standing is Standing.ALLOCATED:
        return _given_up(context, why)
    return _given_up(context, why, lambda: place.calls.abort(place.system_id, why, context.by))


def _given_up(context: Context, why: str, first: Callable[[], object] = lambda: None) -> Fail:
    """A machine that does not deploy is Broken in MAAS too: it goes back to nobody before somebody has looked."""
    place, fail = place_in(context), _unfit(context, why)
    try:
        first()
        place.calls.mark_broken(place.system_id, f"{US}: {why}", context.by)
    except BmprovError as error:
        return replace(fail, check=f"{fail.check}; it could not be marked broken ({error.why})")
    return fail


def _given_up_before(context: Context) -> Fail | None:
    """The same, when a run before this one marked it broken: it is not ours in MAAS any more."""
    place = place_in(context)
    try:
        found = place.calls.machine(place.system_id, context.by)
    except MaasGone:
        return None
    ours = found.status is NodeStatus.BROKEN and found.error_description.startswith(f"{US}: ")
    return _unfit(context, found.error_description.removeprefix(f"{US}: ")) if ours else None


def _unfit(context: Context, why: str) -> Fail:
    check = f"look at the console and the events of {place_in(context)}, and mark it fixed there"
    return Fail(why, check, quarantine=True)


def look(context: Context) -> Outcome:
    """Whether MAAS would give the machine."""
    place = place_in(context)
    found = place.calls.machine(place.system_id, context.by)
    if found.standing is not Standing.FREE:
        has = f", owned by {found.owner}" if found.owner else ""
        return Fail(f"{place} is {status_words(found.status)}{has}", "only a Ready machine can be used")
    context.observe(context.driver.read(context.by))
    return Done(f"{found.hostname} is {status_words(found.status)} in MAAS")


def verify_power(context: Context) -> Outcome:
    """Make sure that the machine is on, by its BMC's word, and still the instance's."""
    if ours_in(context) is None:
        return lost(context)
    outcome = verify(context)
    look = f"look at the events of {place_in(context)}"
    return replace(outcome, check=look) if isinstance(outcome, Retry) else outcome


def power_off(context: Context) -> Outcome:
    """Cut the power, unless the machine was lost: nothing of the instance runs then, and what runs is not switched."""
    if context.machine.state is State.ERROR and context.machine.instance_id and ours_in(context) is None:
        context.observe(Power.UNKNOWN)
        return Done("it is not this instance's in MAAS any more, so nothing of the instance runs")
    return power.power_off(context)


_ALLOCATE = Step("allocate", allocate)

RESERVE = Flow((_ALLOCATE, Step("choose the interfaces", tell_macs)))

DEPLOY_BY_MAAS = Flow(
    (
        _ALLOCATE,
        Step("interfaces and VLANs", connect, 60.0),
        Step("deploy with user data", deploy, 30.0),
        Step("wait for Deployed", wait_for_deployed),
        Step("read back the interfaces", read_back),
        Step("verify", verify_power),
    )
)

OFF_IN_MAAS = Flow((Step("power off", power_off),))

INSPECT_IN_MAAS = Flow((Step("look in MAAS", look),))
