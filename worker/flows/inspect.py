"""Looking at a machine before it is trusted: whether its BMC answers to the login that was given."""

from bmprov.errors import BmprovError
from bmprov.hardware import Console, ConsoleKind
from worker.flow import Context, Done, Flow, Outcome, Step

_WORDS = {
    ConsoleKind.IPMI: "a serial console by IPMI",
    ConsoleKind.SSH: "a serial console by SSH",
    ConsoleKind.GRAPHICAL: "a graphical console only",
    ConsoleKind.NONE: "no console",
}


def read_power(context: Context) -> Outcome:
    """Log in to the BMC and read the power."""
    power = context.observe(context.driver.read(context.by))
    return Done(f"the BMC of {context.machine.name} answers; the machine is {power}")


def find_console(context: Context) -> Outcome:
    """Find out what console the BMC offers; a machine is of use without one."""
    try:
        context.console = context.drivers.tools.console(context.by)
    except BmprovError as error:
        return Done(f"its BMC does not tell of its console ({error})")
    return Done(f"its BMC offers {console_words(context.console)}")


def console_words(console: Console) -> str:
    """What a BMC offers, in words."""
    return _WORDS[console.kind]


INSPECT = Flow((Step("read the power", read_power), Step("find the console", find_console)))
