"""What CloudStack is told about power: rules, not readings.

A `poweroff` for an instance that CloudStack believes running makes it stop the instance and release its network
(`VirtualMachinePowerStateSyncImpl`), so a machine that is off for a moment because we are doing something to it is
never reported off.
"""

from dataclasses import dataclass

from bmprov.lifecycle import Kind
from bmprov.model import PowerReading
from bmprov.power import Power, PowerAction

FRESHNESS_S = 90.0
"""How long a reading counts. The sweep reads every 30 s, so two sweeps in a row may fail."""

CLOUDSTACK_WORDS = {Power.ON: "poweron", Power.OFF: "poweroff", Power.UNKNOWN: "unknown"}
"""The spelling of `status` and `statuses` answers."""


@dataclass(frozen=True)
class Running:
    """What is being done to a machine, as far as its power is concerned."""

    kind: Kind
    action: PowerAction | None


@dataclass(frozen=True)
class Told:
    """The power to tell, when it was read (None: it is a rule, not a reading), and why."""

    power: Power
    read_at: float | None
    because: str


def power_of(
    reading: PowerReading,
    running: Running | None,
    now: float,
    freshness_s: float = FRESHNESS_S,
    *,
    deployed: bool = True,
) -> Told:
    """The power to tell for a machine while `running` (its unfinished operation, if any) is under way.

    A machine that is on without being `deployed`, as after a deployment that failed, is `unknown`: a `poweron` would
    make CloudStack take an instance that never ran as running.
    """
    if running is not None and running.kind is Kind.DEPLOY:
        return Told(Power.UNKNOWN, None, "the machine is being deployed")
    if running is not None and running.action in (PowerAction.CYCLE, PowerAction.RESET):
        return Told(Power.ON, None, "the machine is being restarted")
    if not deployed and reading.power is Power.ON:
        return Told(Power.UNKNOWN, reading.read_at, "the machine is on, and nothing is deployed on it")
    return _read(reading, running, now, freshness_s)


def _read(reading: PowerReading, running: Running | None, now: float, freshness_s: float) -> Told:
    if reading.read_at is None:
        return Told(Power.UNKNOWN, None, reading.error or "the BMC has not been read yet")
    if running is not None:
        return Told(reading.power, reading.read_at, f"the last reading; {running.action or running.kind} is under way")
    if now - reading.read_at > freshness_s:
        return Told(Power.UNKNOWN, reading.read_at, reading.error or f"the last reading is over {freshness_s:g} s old")
    return Told(reading.power, reading.read_at, "the BMC's reading")
