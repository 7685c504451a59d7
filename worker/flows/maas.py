"""Reserving, deploying and giving back a machine through MAAS.

A machine that MAAS has allocated is ours when its `agent_name` is the instance's UUID: so a step that runs again finds
what its first run did, whichever worker that was, and nobody else's machine is ever touched. What somebody does to the
machine in MAAS itself is found by the same question, and said.
"""

from collections.abc import Callable
from dataclasses import replace

from bmprov.errors import BmprovError, Fatal, Retryable
from bmprov.lifecycle import Event, Kind, State
from bmprov.maas import LinkMode, MaasMachine, NodeStatus, Standing, status_words
from bmprov.model import Erase
from bmprov.payload import prepare_answer
from bmprov.power import Power, PowerAction
from images.user_data import cloud_user_data
from worker.flow import Context, Done, Fail, Flow, Outcome, Retry, Step, Wait
from worker.flows import power
from worker.flows.deploy import verify
from worker.flows.release import CLEAN
from worker.maas.calls import Constraints
from worker.maas.carriers import carriers
from worker.maas.errors import MaasConflict, MaasGone
from worker.maas.network import Networks
from worker.maas.place import Place
from worker.maas.reason import why_it_failed

_RETURN_POLL_S = 5.0
_US = "bmprov"
_IN_HAND = {Standing.DEPLOYING, Standing.DEPLOYED}
_UNFIT = {Standing.FAILED_DEPLOYMENT, Standing.DEPLOYING, Standing.ALLOCATED}


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


def _taken(context: Context, refusal: BmprovError) -> Outcome:
    place = _place(context)
    try:
        found = place.calls.machine(place.system_id, context.by)
        if context.operation.kind is Kind.DEPLOY and found.standing is Standing.RETURNING and not context.overdue:
            return _until_returned(context)  # by us, to be deployed again
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
    _let_go(context, ours, Erase.NONE, "to be deployed again")
    return _until_returned(context)


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
    context.observe(Power.UNKNOWN)  # MAAS switches it on, whether its answer comes or not
    place.calls.deploy(place.system_id, series, kernel, cloud_user_data(request), context.by)
    return Done(series or "MAAS's default system")


def wait_for_deployed(context: Context) -> Outcome:
    """Until MAAS has deployed it; no worker waits meanwhile."""
    place, until = _place(context), context.limits.maas_deploy_s
    wait = Wait("MAAS to deploy the machine", until, context.limits.maas_look_s)
    try:
        ours = _ours(context)
    except Retryable:
        if context.overdue:
            raise
        return wait  # a region that is restarted deploys on
    if ours is None:
        return _given_up_before(context) or _lost(context)
    why = f"MAAS did not deploy it within {until:g} s"
    match ours.standing:
        case Standing.DEPLOYED:
            return Done(f"{ours.osystem}/{ours.distro_series}")
        case Standing.DEPLOYING if not context.overdue:
            return wait
        case Standing.DEPLOYING:
            return _given_up(context, why, lambda: place.calls.abort(place.system_id, why, context.by))
        case Standing.ALLOCATED if context.overdue:  # aborted by a run before this one
            return _given_up(context, why)
        case Standing.ALLOCATED:
            return Fail("somebody has aborted its deployment in MAAS", f"look at the events of {place}")
        case Standing.FAILED_DEPLOYMENT:
            return _given_up(context, f"MAAS could not deploy it: {why_it_failed(place, ours, context.by)}")
    return Fail(f"{place} is {status_words(ours.status)}", f"look at the events of {place}", quarantine=True)


def _given_up(context: Context, why: str, first: Callable[[], object] = lambda: None) -> Fail:
    """A machine that does not deploy is Broken in MAAS too: it goes back to nobody before somebody has looked."""
    place, fail = _place(context), _unfit(context, why)
    try:
        first()
        place.calls.mark_broken(place.system_id, f"{_US}: {why}", context.by)
    except BmprovError as error:
        return replace(fail, check=f"{fail.check}; it could not be marked broken ({error.why})")
    return fail


def _given_up_before(context: Context) -> Fail | None:
    """The same, when a run before this one marked it broken: it is not ours in MAAS any more."""
    place = _place(context)
    try:
        found = place.calls.machine(place.system_id, context.by)
    except MaasGone:
        return None
    ours = found.status is NodeStatus.BROKEN and found.error_description.startswith(f"{_US}: ")
    return _unfit(context, found.error_description.removeprefix(f"{_US}: ")) if ours else None


def _unfit(context: Context, why: str) -> Fail:
    check = f"look at the console and the events of {_place(context)}, and mark it fixed there"
    return Fail(why, check, quarantine=True)


def release(context: Context) -> Outcome:
    """Give the machine back to MAAS, disks erased as the operator chose."""
    place, ours = _place(context), _ours(context) or _stuck(context)
    if ours is None:
        return Done("it is not ours in MAAS", event=Event.RELEASED)
    if ours.standing is Standing.RETURNING:
        return Done("MAAS takes it back already", event=Event.RELEASED)
    if context.machine.maintenance_by == _US and ours.standing in _UNFIT:
        place.calls.mark_broken(place.system_id, f"{_US}: {context.machine.maintenance}", context.by)
        return Done("it stays Broken in MAAS until somebody has marked it fixed", event=Event.RELEASED)
    if ours.locked:
        return Fail(f"{place} is locked in MAAS", "unlock it there, or by the action `unlock`, and ask again")
    comment = f"CloudStack instance {context.operation.instance_id} has ended"
    _let_go(context, ours, place.region.erase, comment)
    return Done(event=Event.RELEASED)


def _stuck(context: Context) -> MaasMachine | None:
    """The machine, if MAAS could not take it back: it is the instance's no more then, and must be released anew."""
    place = _place(context)
    try:
        found = place.calls.machine(place.system_id, context.by)
    except MaasGone:
        return None
    return found if found.standing is Standing.FAILED_RETURN and _by_our_user(context, found) else None


def _let_go(context: Context, ours: MaasMachine, erase: Erase, comment: str) -> None:
    """Release it, off: a release whose BMC fails leaves the machine as it is, and nobody's who could find it again."""
    place = _place(context)
    on = ours.standing is not Standing.FAILED_RETURN and ours.power is not Power.OFF
    if on and context.observe(context.driver.read(context.by)) is Power.ON:
        context.observe(context.driver.switch(PowerAction.OFF, context.by))
    place.calls.release(place.system_id, erase, comment, context.by)


def _until_returned(context: Context) -> Wait:
    return Wait("MAAS to take the machine back", context.limits.maas_release_s, _RETURN_POLL_S)


def wait_for_ready(context: Context) -> Outcome:
    """Until MAAS has it back."""
    place = _place(context)
    try:
        found = place.calls.machine(place.system_id, context.by)
    except MaasGone:
        return Done("it was deleted in MAAS")
    except Retryable:
        if context.overdue:
            raise
        return _until_returned(context)
    match found.standing:
        case Standing.RETURNING if not context.overdue:
            return _until_returned(context)
        case Standing.RETURNING:
            why = f"MAAS did not take it back within {context.limits.maas_release_s:g} s"
            return Fail(why, f"look at the events of {place}", quarantine=True)
        case Standing.FAILED_RETURN if _by_our_user(context, found):
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


def _by_our_user(context: Context, found: MaasMachine) -> bool:
    return found.owner == _place(context).calls.whoami(context.by).name


def _lost(context: Context) -> Fail:
    return Fail(
        f"{_place(context)} is not this instance's any more: somebody has released, taken or deleted it there",
        "look at its events in MAAS",
    )


def verify_power(context: Context) -> Outcome:
    """Make sure that the machine is on, by its BMC's word."""
    outcome = verify(context)
    return replace(outcome, check="look at its events in MAAS") if isinstance(outcome, Retry) else outcome


def power_off(context: Context) -> Outcome:
    """Cut the power, unless the machine was lost: nothing of the instance runs then, and what runs is not switched."""
    if context.machine.state is State.ERROR and context.machine.instance_id and _ours(context) is None:
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

OFF_IN_MAAS = Flow((Step("power off", power_off),))

INSPECT_IN_MAAS = Flow((Step("look in MAAS", look),))
