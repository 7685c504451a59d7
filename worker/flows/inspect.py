"""Looking at a machine before it is trusted: whether its BMC answers to the login that was given."""

from worker.flow import Context, Done, Flow, Outcome, Step


def read_power(context: Context) -> Outcome:
    """Log in to the BMC and read the power."""
    power = context.observe(context.driver.read(context.by))
    return Done(f"the BMC of {context.machine.name} answers; the machine is {power}")


INSPECT = Flow((Step("read the power", read_power),))
