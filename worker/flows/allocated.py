"""A machine that MAAS has allocated, as a step finds it: whether it is the instance's still, and how it is let go."""

from bmprov.errors import Retryable
from bmprov.maas import MaasMachine, Standing
from bmprov.model import Erase
from bmprov.power import Power, PowerAction
from worker.flow import Context, Fail, Wait
from worker.maas.place import Place

US = "bmprov"
"""Who marks machines broken, and sets maintenance."""


def place_in(context: Context) -> Place:
    """Where the machine is in MAAS."""
    place = context.drivers.maas
    if place is None:
        raise Retryable(f"machine {context.machine.name} is in no MAAS region", "look with `bmprov maas list`")
    return place


def ours_in(context: Context) -> MaasMachine | None:
    """The machine as MAAS has it, if it is allocated for the operation's instance."""
    place = place_in(context)
    return place.calls.allocated_to(place.system_id, context.operation.instance_id or "", context.by)


def is_our_users(context: Context, found: MaasMachine) -> bool:
    """Whether the user whose key we have owns it."""
    return found.owner == place_in(context).calls.whoami(context.by).name


def lost(context: Context) -> Fail:
    """What to say when it is not the instance's; its power is another's affair."""
    context.observe(Power.UNKNOWN)
    return Fail(
        f"{place_in(context)} is not this instance's any more: somebody has released, taken or deleted it there",
        "look at its events in MAAS",
    )


def let_go(context: Context, ours: MaasMachine, erase: Erase, comment: str) -> None:
    """Release it, off: a release whose BMC fails leaves the machine as it is, and nobody's who could find it again."""
    place = place_in(context)
    on = ours.standing is not Standing.FAILED_RETURN and ours.power is not Power.OFF
    if on and context.observe(context.driver.read(context.by)) is Power.ON:
        context.observe(context.driver.switch(PowerAction.OFF, context.by))
    place.calls.release(place.system_id, erase, comment, context.by)


def until_returned(context: Context) -> Wait:
    """Until MAAS has it back."""
    return Wait("MAAS to take the machine back", context.limits.maas_release_s, context.limits.maas_look_s)
