"""What CloudStack is told about power, case by case (VirtualMachinePowerStateSyncImpl acts on every word of it)."""

import pytest

from bmprov.lifecycle import Kind
from bmprov.model import PowerReading
from bmprov.power import Power, PowerAction
from bmprov.truth import Running, power_of

NOW = 1000.0
FRESH_ON = PowerReading(Power.ON, NOW - 10)
FRESH_OFF = PowerReading(Power.OFF, NOW - 10)
STALE_OFF = PowerReading(Power.OFF, NOW - 91)


@pytest.mark.parametrize(
    ("reading", "running", "told"),
    [
        (FRESH_ON, None, Power.ON),
        (FRESH_OFF, None, Power.OFF),
        (PowerReading(Power.OFF, NOW - 90), None, Power.OFF),
        (STALE_OFF, None, Power.UNKNOWN),
        (PowerReading(), None, Power.UNKNOWN),
        (FRESH_OFF, Running(Kind.DEPLOY, None), Power.UNKNOWN),
        (FRESH_ON, Running(Kind.DEPLOY, None), Power.UNKNOWN),
        (FRESH_OFF, Running(Kind.POWER, PowerAction.CYCLE), Power.ON),
        (FRESH_OFF, Running(Kind.POWER, PowerAction.RESET), Power.ON),
        (PowerReading(), Running(Kind.POWER, PowerAction.CYCLE), Power.ON),
        (STALE_OFF, Running(Kind.POWER, PowerAction.ON), Power.OFF),
        (FRESH_ON, Running(Kind.POWER, PowerAction.SOFT_OFF), Power.ON),
        (PowerReading(), Running(Kind.POWER, PowerAction.ON), Power.UNKNOWN),
        (FRESH_ON, Running(Kind.RELEASE, None), Power.ON),
    ],
)
def test_power_truth(reading: PowerReading, running: Running | None, told: Power) -> None:
    """Operations of ours come first, then a fresh reading, then `unknown`."""
    assert power_of(reading, running, NOW).power is told


@pytest.mark.parametrize(
    ("reading", "told"), [(FRESH_ON, Power.UNKNOWN), (FRESH_OFF, Power.OFF), (STALE_OFF, Power.UNKNOWN)]
)
def test_what_was_never_deployed_is_never_on(reading: PowerReading, told: Power) -> None:
    """After a failed deployment the machine may be on; CloudStack must not take the instance as running."""
    assert power_of(reading, None, NOW, deployed=False).power is told


def test_a_reading_that_failed_says_why() -> None:
    """An operator who sees `unknown` sees the BMC's error with it."""
    told = power_of(PowerReading(Power.ON, NOW - 200, "BMC 10.0.0.1 did not answer"), None, NOW)
    assert told.power is Power.UNKNOWN
    assert "did not answer" in told.because
