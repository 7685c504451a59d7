"""Deploying: boot the ramdisk, from the network or a virtual CD, let it write the image, boot the disk.

The network services watch `Operation.netboot`: it is opened before the machine is switched on and closed when the image
is on the disk, so that a machine never network-boots by accident. A machine whose deployment fails or is cancelled is
switched off and taken off its networks: it runs a ramdisk that nobody listens to, or half a system.
"""

from dataclasses import replace

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError, Retryable
from bmprov.model import BootFrom
from bmprov.power import BootDevice, BootOverride, Power, PowerAction
from worker.flow import Context, Done, Fail, Flow, Outcome, Retry, Step, Wait
from worker.flows import media, ports

_RAMDISKS = {BootFrom.NETWORK: BootDevice.NETWORK, BootFrom.VIRTUAL_MEDIA: BootDevice.CDROM}
_DISK_ALWAYS = BootOverride(BootDevice.DISK, once=False)
_OFF_AGAIN_S = 15.0


def allocate(context: Context) -> Outcome:
    """Make sure that the machine is still this instance's."""
    machine, operation = context.machine, context.operation
    if machine.instance_id != operation.instance_id:
        return Fail(
            f"machine {machine.name} belongs to instance {machine.instance_id or 'none'}", "ask for the instance again"
        )
    if machine.netboot_nic is None:
        return Fail(
            f"machine {machine.name} has no NIC on record", "enrol it with the MAC of the NIC that network-boots"
        )
    return Done(f"{machine.name}, {machine.cpus} cpus, {machine.memory_mib} MiB", netboot=True)


def boot_ramdisk_once(context: Context) -> Outcome:
    """Let the firmware's next boot be the ramdisk's."""
    context.driver.set_boot(_ramdisk_once(context), context.by)
    return Done()


def _ramdisk_once(context: Context) -> BootOverride:
    return BootOverride(_RAMDISKS[context.machine.boot_from], once=True)


def power_cycle(context: Context) -> Outcome:
    """Start the machine into the ramdisk.

    A second run finds either a ramdisk that has called, and leaves it alone, or an override that the first start has
    used up, and sets it again.
    """
    if context.operation.report.booted:
        return Done("the ramdisk is running already")
    wanted = _ramdisk_once(context)
    if context.driver.read_boot(context.by).device is not wanted.device:
        context.driver.set_boot(wanted, context.by)
    context.observe(context.driver.switch(PowerAction.CYCLE, context.by))
    return Done()


def wait_for_ramdisk(context: Context) -> Outcome:
    """Until the ramdisk makes its first call."""
    report = context.operation.report
    if report.booted:
        return Done()
    if context.overdue:
        why = f"the ramdisk did not call within {context.limits.ramdisk_s:g} s"
        if report.unanswered and not context.operation.boot_ip:
            why = f"{why}: DHCP did not answer the machine, {report.unanswered}"
            return Fail(why, "look at the log of `bmprov pxe dhcp`")
        return Fail(why, _where_to_look(context), quarantine=True)
    return _wait_while_on(context, Wait("the ramdisk", context.limits.ramdisk_s, context.limits.power_look_s))


def _where_to_look(context: Context) -> str:
    machine = context.machine
    if machine.boot_from is BootFrom.VIRTUAL_MEDIA:
        return (
            "look at the machine's console, whether it boots the BMC's virtual CD, and at the log of `bmprov pxe http`"
        )
    mac = machine.netboot_nic.mac if machine.netboot_nic else "unknown"
    if not context.operation.boot_ip:
        return (
            f"MAC {mac} has taken no address by DHCP; if the operation's timeline tells no reason,"
            " it was never heard: look at its cable and its switch port's VLAN, whether that forwards before a system"
            " runs (LACP fallback in a bundle, edge/portfast with STP), and whether the firmware boots from this NIC"
        )
    return (
        f"look at the machine's console, and in the log of `bmprov pxe` for MAC {mac};"
        " a firmware with Secure Boot is told by `bmprov machine set NAME --secure-boot`"
    )


def wait_for_image(context: Context) -> Outcome:
    """Until the ramdisk has written and verified the image."""
    report = context.operation.report
    if report.failure:
        return _gave_up(context)
    if report.written:
        return Done(netboot=False)
    if context.overdue:
        why = f"the image was not written within {context.limits.image_s:g} s"
        return Fail(why, "look at the machine's console and its disk", quarantine=True)
    return _wait_while_on(context, Wait("the image to be written", context.limits.image_s, context.limits.power_look_s))


def _gave_up(context: Context) -> Fail:
    report = context.operation.report
    if not report.inventory:  # it is the network services that gave up: no ramdisk has ever called
        return Fail(report.failure, "look at the log of `bmprov pxe`", quarantine=report.hardware)
    check = f"the end of its log stands in `bmprov operation show {context.operation.id}`"
    return Fail(f"the ramdisk gave up: {report.failure}", check, quarantine=report.hardware)


def _wait_while_on(context: Context, wait: Wait) -> Outcome:
    """Go on waiting, unless the BMC says twice that nothing runs any more: some servers switch themselves off and on.

    A BMC that is silent says nothing of the kind.
    """
    is_first_look, before = context.operation.wait_until is None, context.machine.reading.power
    try:
        if is_first_look or context.observe(context.driver.read(context.by)) is not Power.OFF:
            return wait
    except Retryable:
        return wait
    if before is not Power.OFF:
        return replace(wait, poll_s=min(_OFF_AGAIN_S, context.limits.power_look_s))
    return Fail(
        f"the machine lost its power while bmprov waited for {wait.for_what}",
        "look at its power supply, at the BMC's event log, and who else switches it",
        quarantine=True,
    )


def clear_up(context: Context, fail: Fail) -> Fail:
    """The same failure, of a machine that is off, on no network, and has nothing of ours in its virtual CD."""
    bmc_s = context.by.remaining_s / 2  # a silent BMC leaves the switches their half
    return ports.closed(context, _switched_off(context, fail, context.by.within(bmc_s)))


def _switched_off(context: Context, fail: Fail, by: Deadline) -> Fail:
    try:
        context.observe(context.driver.switch(PowerAction.OFF, by))
    except BmprovError as error:
        return fail.also(f"the machine could not be switched off: {error.why}")
    try:
        if context.machine.boot_from is BootFrom.VIRTUAL_MEDIA:
            context.drivers.media.eject(by)
    except BmprovError as error:
        return fail.also(f"and look at its virtual CD: {error.why}")
    return fail


def boot_disk(context: Context) -> Outcome:
    """Let the firmware boot from the disk from now on."""
    context.driver.set_boot(_DISK_ALWAYS, context.by)
    return Done()


def reboot(context: Context) -> Outcome:
    """Leave the ramdisk for the installed system; a machine whose ports were moved is off already."""
    is_off = context.driver.read(context.by) is Power.OFF
    context.observe(context.driver.switch(PowerAction.ON if is_off else PowerAction.RESET, context.by))
    return Done()


def verify(context: Context) -> Outcome:
    """Make sure that the machine is on."""
    if context.observe(context.driver.read(context.by)) is Power.ON:
        return Done(f"{context.machine.name} is deployed")
    return Retry("the machine is off after its reboot", "look at its power supply and at the BMC's event log")


def no_ramdisk(_context: Context) -> Outcome:
    """A fake machine has nothing to boot."""
    return Done("a fake machine writes nothing")


_ALLOCATE = Step("allocate", allocate, harmless=True)
_BEGIN = (
    _ALLOCATE,
    ports.TO_PROVISIONING,
    Step("boot device: network, once", boot_ramdisk_once),
    Step("power cycle", power_cycle),
)
_WAIT = (
    Step("wait for the ramdisk", wait_for_ramdisk),
    Step("wait for the image to be written", wait_for_image),
)
_END = (
    Step("boot device: disk", boot_disk),
    ports.TO_TENANT,
    Step("reboot", reboot),
    Step("verify", verify),
)

DEPLOY = Flow((*_BEGIN, *_WAIT, *_END), clear_up)

DEPLOY_FROM_CD = Flow(
    (
        _ALLOCATE,
        ports.TO_PROVISIONING,
        media.INSERT,
        Step("boot device: CD, once", boot_ramdisk_once),
        Step("power cycle", power_cycle),
        *_WAIT,
        media.EJECT,
        *_END,
    ),
    clear_up,
)

DEPLOY_FAKE = Flow(
    (
        *_BEGIN,
        Step("wait for the ramdisk", no_ramdisk),
        Step("wait for the image to be written", no_ramdisk),
        *_END,
    ),
    clear_up,
)
