"""Preflight of a MAAS machine: whether its region and the key can do what will be asked, and the machine itself."""

from collections.abc import Iterator

from bmprov.errors import BmprovError
from bmprov.maas import Standing, status_words
from bmprov.power import Power
from worker.flow import Context
from worker.flows.finding import Finding, Verdict
from worker.maas.place import Place
from worker.maas.preflight import check as check_region


def findings_in_maas(context: Context) -> Iterator[Finding]:
    """The checks; what MAAS's silence makes impossible is not tried."""
    place = context.drivers.maas
    if place is None:
        return
    try:
        region = check_region(place.calls, context.by)
    except BmprovError as error:
        yield Finding("MAAS", Verdict.BAD, str(error))
        return
    told = f"region '{place.region.name}' is MAAS {region.version}, and takes the key of {region.user}"
    yield Finding("MAAS", Verdict.GOOD, told)
    for found in region.findings:
        yield Finding("region", Verdict.BAD if found.grave else Verdict.WARNING, f"{found.what}: {found.check}")
    try:
        yield from _machine(context, place)
    except BmprovError as error:
        yield Finding("machine", Verdict.BAD, str(error))


def _machine(context: Context, place: Place) -> Iterator[Finding]:
    found = place.calls.machine(place.system_id, context.by)
    ours = context.machine.instance_id is not None
    fit = ours or found.standing is Standing.FREE
    owner = f", owned by {found.owner}" if found.owner else ""
    locked = ", locked" if found.locked else ""
    yield Finding("machine", Verdict.GOOD if fit else Verdict.BAD, f"it is {status_words(found.status)}{owner}{locked}")
    loose = [nic.name for nic in found.nics if nic.fabric_id is None]
    if not found.nics:
        yield Finding("NICs", Verdict.BAD, "MAAS knows no physical interface of it: commission it")
    elif found.nics[0].name in loose:
        yield Finding("NICs", Verdict.BAD, f"{found.nics[0].name}, from which it boots, is in no fabric")
    else:
        more = f"; {', '.join(loose)} in no fabric" if loose else ""
        yield Finding("NICs", Verdict.WARNING if loose else Verdict.GOOD, f"{len(found.nics)}{more}")
    power = context.observe(context.driver.read(context.by))
    yield Finding("power", Verdict.WARNING if power is Power.UNKNOWN else Verdict.GOOD, f"its BMC reads {power}")
