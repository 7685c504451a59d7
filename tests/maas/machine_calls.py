"""The operations on machines."""

from http import HTTPStatus

from tests.maas.answers import Answer, conflict, forbidden, invalid, told
from tests.maas.call import Call
from tests.maas.constraints import described, filtered, matching
from tests.maas.documents import machine_document, machine_json
from tests.maas.machine import Machine
from tests.maas.power import After
from tests.maas.region import SERIES
from tests.maas.status import NAMES, NodeStatus


def _told(machine: Machine, after: After | None = None) -> Answer:
    return Answer(machine_json(machine), afterwards=after)


def list_machines(call: Call) -> Answer:
    return Answer(b"[" + b",".join(machine_json(machine) for machine in filtered(call)) + b"]")


def list_allocated(call: Call) -> Answer:
    mine = (
        machine
        for machine in call.visible()
        if machine.status is NodeStatus.ALLOCATED and machine.owner == call.user.name
    )
    return Answer(b"[" + b",".join(machine_json(machine) for machine in mine) + b"]")


def allocate(call: Call) -> Answer:
    """Nothing else happens between the choice and its mark, so no two calls get one machine."""
    ready = (machine for machine in call.visible() if machine.status is NodeStatus.READY and not machine.locked)
    found, nics = matching(call, ready)
    if not found:
        raise conflict(_no_match(call))
    machine = found[0]
    if not call.flag("dry_run"):
        call.region.deployment.acquire(machine, call.user.name, call.get("agent_name"), call.get("comment"))
    by_type = {"interfaces": {label: found[machine.system_id] for label, found in nics.items()}} if nics else {}
    return told({**machine_document(machine), "constraints_by_type": by_type})


def _no_match(call: Call) -> str:
    if system_id := call.get("system_id"):
        return f"No machine with system ID {system_id} available."
    said = [(name, call.all(name)) for name in sorted(call.names())]
    resolved = described(call)
    if not resolved:
        return "No machine available."
    return f'No available machine matches constraints: {said} (resolved to "{resolved}")'


def read(call: Call) -> Answer:
    return _told(call.machine())


def update(call: Call) -> Answer:
    call.administer()
    machine = call.machine(to_change=True)
    region, given = call.region, call.names()
    for name, places in (("pool", region.pools), ("zone", region.zones)):
        if name in given and call.get(name) not in places:
            raise invalid(**{name: "Select a valid choice. That choice is not one of the available choices."})
    if "hostname" in given and any(
        other.hostname == call.get("hostname") for other in region.machines.values() if other is not machine
    ):
        raise invalid(hostname="Node with this Hostname already exists.")
    for name in given & {"description", "hostname"}:
        setattr(machine, name, call.get(name))
    if "pool" in given:
        machine.pool = region.pools[call.get("pool")]
    if "zone" in given:
        machine.zone = region.zones[call.get("zone")]
    return _told(machine)


def delete(call: Call) -> Answer:
    call.administer()
    call.region.remove(call.machine(to_change=True))
    return Answer(b"", HTTPStatus.NO_CONTENT)


def deploy(call: Call) -> Answer:
    machine, region = call.machine(to_change=True), call.region
    if machine.status not in {NodeStatus.READY, NodeStatus.ALLOCATED}:
        raise conflict(f"Can't deploy a machine that is in the '{NAMES[machine.status]}' state")
    series = _series(call)
    region.deployment.check(machine)
    if machine.status is NodeStatus.READY:
        region.deployment.acquire(machine, call.user.name, call.get("agent_name"), call.get("comment"))
    machine.osystem, machine.distro_series = SERIES[series], series
    machine.hwe_kernel = call.get("hwe_kernel") or (f"ga-{series}" if SERIES[series] == "ubuntu" else None)
    return power_on(call)


def _series(call: Call) -> str:
    asked = call.get("distro_series") or call.region.default_series
    osystem, _, series = asked.rpartition("/")
    if SERIES.get(series) is None or osystem not in {"", SERIES[series]}:
        choices = ", ".join(f"'{osystem}/{series}'" for series, osystem in SERIES.items())
        text = f"'{asked}' is not a valid distro_series.  It should be one of: '', {choices}."
        raise invalid(distro_series=text)
    return series


def power_on(call: Call) -> Answer:
    machine = call.machine(to_change=True)
    if machine.status is NodeStatus.ALLOCATED and not machine.distro_series:
        machine.distro_series = call.region.default_series
        machine.osystem = SERIES[machine.distro_series]
    after = call.region.deployment.power_on(machine, call.user.name, call.get("user_data") or None, call.get("comment"))
    return _told(machine, after)


def power_off(call: Call) -> Answer:
    machine = call.machine(to_change=True)
    soft = call.get("stop_mode") == "soft"
    after = call.region.deployment.power_off(machine, call.user.name, soft=soft, comment=call.get("comment"))
    return _told(machine, after)


async def query_power_state(call: Call) -> Answer:
    return told({"state": await call.region.control.query(call.machine())})


def release(call: Call) -> Answer:
    machine = call.machine(to_change=True)
    after = call.region.releases.release(machine, call.user.name, erase=call.flag("erase"), comment=call.get("comment"))
    return _told(machine, after)


def abort(call: Call) -> Answer:
    machine = call.machine(to_change=True)
    return _told(machine, call.region.releases.abort(machine, call.user.name, call.get("comment")))


def mark_broken(call: Call) -> Answer:
    """Only its owner may, an administrator too: a Ready machine is nobody's, so nobody may."""
    machine = call.machine(to_change=True)
    if machine.owner != call.user.name:
        raise forbidden()
    return _told(machine, call.region.releases.mark_broken(machine, call.user.name, call.get("comment")))


def mark_fixed(call: Call) -> Answer:
    call.administer()
    machine = call.machine(to_change=True)
    call.region.releases.mark_fixed(machine, call.user.name, call.get("comment"))
    return _told(machine)


def lock(call: Call) -> Answer:
    machine = call.machine()
    call.region.care.lock(machine, call.user.name, call.get("comment"))
    return _told(machine)


def unlock(call: Call) -> Answer:
    machine = call.machine()
    call.region.care.unlock(machine, call.user.name, call.get("comment"))
    return _told(machine)


def rescue_mode(call: Call) -> Answer:
    call.administer()
    machine = call.machine(to_change=True)
    return _told(machine, call.region.care.rescue_mode(machine, call.user.name))


def exit_rescue_mode(call: Call) -> Answer:
    call.administer()
    machine = call.machine(to_change=True)
    return _told(machine, call.region.care.exit_rescue_mode(machine, call.user.name))
