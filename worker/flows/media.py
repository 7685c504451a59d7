"""The virtual CD that the ramdisk is booted from, for machines that have one: no DHCP and no TFTP is needed.

Another's image is never taken out. What a deployment leaves in the drive when it ends early (nothing fetches it any
more) is taken out by the next one, or when the machine is released.
"""

from bmprov.errors import NoVirtualMedia
from worker.flow import Context, Done, Fail, Outcome, Step

_INSERT_S, _EJECT_S = 60.0, 30.0


def insert(context: Context) -> Outcome:
    """Let the BMC show the machine the ramdisk's CD."""
    report = context.operation.report
    if report.failure:  # the BMC has asked for the CD, and there is none
        return Fail(report.failure, "look at the log of `bmprov pxe http`")
    context.drivers.media.insert(context.cd_url, context.by)
    return Done()


def eject(context: Context) -> Outcome:
    """Take the ramdisk's CD out, so that the machine cannot boot it again."""
    try:
        context.drivers.media.eject(context.by)
    except NoVirtualMedia as error:
        return Done(error.why)
    return Done()


INSERT = Step("virtual CD: insert", insert, _INSERT_S)
EJECT = Step("virtual CD: eject", eject, _EJECT_S)
