"""Preflight: whether a machine can do what will be asked of it, found out before anyone needs it. Nothing is changed.

One thing is tried out, on a machine that is off and that nobody has: whether the boot override is kept. It is put back.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict

from bmprov.errors import BmprovError, NoVirtualMedia
from bmprov.hardware import ConsoleKind, Health
from bmprov.media import FILE
from bmprov.model import BackEnd, BootFrom
from bmprov.power import BootDevice, BootOverride, Power
from worker.flow import Context, Done, Outcome
from worker.flows.check_in_maas import findings_in_maas
from worker.flows.finding import Finding, Verdict
from worker.flows.inspect import console_words


def check(context: Context) -> Outcome:
    """All checks; what the BMC's silence makes impossible is not tried."""
    findings = list(findings_in_maas(context) if context.drivers.maas else _findings(context))
    worst = max(findings, key=lambda one: list(Verdict).index(one.verdict))
    bad = [one.check for one in findings if one.verdict is not Verdict.GOOD]
    said = "is fit for use" if worst.verdict is Verdict.GOOD else f"has something to look at: {', '.join(bad)}"
    return Done(f"{context.machine.name} {said}", answer=[asdict(one) for one in findings])


def _findings(context: Context) -> Iterator[Finding]:
    try:
        power = context.observe(context.driver.read(context.by))
    except BmprovError as error:
        yield Finding("BMC", Verdict.BAD, str(error))
        return
    yield Finding("BMC", Verdict.GOOD, "it answers, and takes the login")
    yield _power(power)
    yield _tried("boot override", context, _boot_override)
    if context.machine.boot_from is BootFrom.VIRTUAL_MEDIA:
        yield _tried("virtual CD", context, _virtual_cd)
    yield _tried("sensors", context, _sensors)
    yield _tried("NICs", context, _nics)
    yield _tried("console", context, _console)


def _tried(name: str, context: Context, run: Callable[[Context], Finding]) -> Finding:
    """A check of what not every BMC can."""
    try:
        return run(context)
    except BmprovError as error:
        return Finding(name, Verdict.WARNING, str(error))


def _power(power: Power) -> Finding:
    if power is Power.UNKNOWN:
        return Finding("power", Verdict.WARNING, "the BMC does not tell it, or it is just changing: check again")
    return Finding("power", Verdict.GOOD, f"it reads {power}")


def _boot_override(context: Context) -> Finding:
    name, before = "boot override", context.driver.read_boot(context.by)
    if context.machine.instance_id is not None or context.observed is not Power.OFF:
        return Finding(
            name, Verdict.GOOD, f"it reads '{before.device}'; one is tried out when the machine is free and off"
        )
    try:
        context.driver.set_boot(BootOverride(BootDevice.NETWORK, once=True), context.by)
    except BmprovError as error:
        return Finding(name, Verdict.BAD, str(error))
    finally:
        context.driver.set_boot(before, context.by)
    return Finding(name, Verdict.GOOD, f"the network is kept, and '{before.device}' is put back")


def _virtual_cd(context: Context) -> Finding:
    name = "virtual CD"
    try:
        found = context.drivers.media.read(context.by)
    except NoVirtualMedia as error:
        return Finding(name, Verdict.BAD, str(error))
    if found and found != FILE:
        return Finding(name, Verdict.BAD, f"another image is in it ({found}): eject it, or no deployment can begin")
    if found:
        return Finding(name, Verdict.WARNING, "an old deployment's image is in it: the next one takes it out")
    return Finding(name, Verdict.GOOD, "the BMC has one")


def _sensors(context: Context) -> Finding:
    found = context.drivers.tools.sensors(context.by)
    ill = [one for one in found if one.health in (Health.WARNING, Health.CRITICAL)]
    if ill:
        verdict = Verdict.BAD if any(one.health is Health.CRITICAL for one in ill) else Verdict.WARNING
        return Finding("sensors", verdict, "; ".join(f"{one.name}: {one.reading}" for one in ill[:5]))
    return Finding("sensors", Verdict.GOOD if found else Verdict.WARNING, f"{len(found)} have readings, none is ill")


def _console(context: Context) -> Finding:
    context.console = context.drivers.tools.console(context.by)
    verdict = Verdict.WARNING if context.console.kind is ConsoleKind.NONE else Verdict.GOOD
    return Finding("console", verdict, f"the BMC offers {console_words(context.console)}")


def _nics(context: Context) -> Finding:
    """Whether the machine can be found on the provisioning network, and whether its BMC knows the same MACs."""
    known = [nic.mac for nic in context.machine.nics]
    if not known and context.machine.back_end is BackEnd.DIRECT:
        return Finding("NICs", Verdict.BAD, "no MAC is enrolled, so its network boot is answered by nobody")
    told = context.drivers.tools.macs(context.by) if known else []
    strange = [mac for mac in known if told and mac not in told]
    if strange:
        return Finding("NICs", Verdict.WARNING, f"the BMC knows {', '.join(told[:8])} and not {', '.join(strange)}")
    return Finding("NICs", Verdict.GOOD, f"{len(known)} enrolled{', which the BMC knows too' if told else ''}")
