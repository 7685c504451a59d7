"""CloudStack's custom actions (`bmprov.actions`): each is one step, besides those that switch the power.

What is told is a short table or an object, which CloudStack shows as it is. Asking for something twice does no harm; an
NMI that a killed worker has sent may be sent once more, and the system that it stopped does not notice.
"""

from collections.abc import Callable, Mapping

from bmprov.hardware import LogEntry, Sensor
from bmprov.power import BootDevice, BootOverride, Power
from worker.flow import Context, Done, Fail, Flow, Outcome, Step
from worker.flows.care import CARE
from worker.flows.check import check
from worker.flows.network import NETWORK
from worker.flows.power import OFF, ON, RESET, power_off, power_on, shut_down

_SLOW_S = 60.0  # hundreds of sensors or firmware inventories, each asked for by itself


def nmi(context: Context) -> Outcome:
    """Send an NMI."""
    context.drivers.tools.nmi(context.by)
    return Done(f"{context.machine.name} got an NMI")


def identify(context: Context) -> Outcome:
    """Light the locator."""
    seconds = int(context.operation.parameters["seconds"])
    ends = context.drivers.tools.identify(seconds, context.by)
    lit = f"is lit for {seconds} s" if ends else "is lit until `identify` with 0 seconds"
    return Done(f"the locator of {context.machine.name} {lit if seconds else 'is off'}")


def boot_device(context: Context) -> Outcome:
    """Set where the firmware boots from."""
    asked = context.operation.parameters
    override = BootOverride(BootDevice(asked["device"]), once=asked["often"] == "once")
    context.driver.set_boot(override, context.by)
    return Done(f"{context.machine.name} boots from {override.device} {asked['often']}")


def sensors(context: Context) -> Outcome:
    """Read the sensors; those that are not well come first."""
    found = sorted(context.drivers.tools.sensors(context.by), key=lambda one: (one.health == "ok", one.name))
    return Done(f"{len(found)} sensors", answer=[_sensor(one) for one in found])


def event_log(context: Context) -> Outcome:
    """Read the event log."""
    found = context.drivers.tools.event_log(int(context.operation.parameters["entries"]), context.by)
    return Done(f"{len(found)} entries", answer=[_entry(one) for one in found])


def clear_event_log(context: Context) -> Outcome:
    """Empty the event log."""
    context.drivers.tools.clear_event_log(context.by)
    return Done(f"the event log of {context.machine.name} is empty")


def reset_bmc(context: Context) -> Outcome:
    """Restart the BMC."""
    context.drivers.tools.reset_bmc(context.by)
    return Done(f"the BMC of {context.machine.name} restarts; it answers again in some minutes")


def hardware(context: Context) -> Outcome:
    """What the machine is."""
    machine = context.machine
    known = {"machine": machine.name, "place": " / ".join(filter(None, (machine.zone, machine.pod, machine.rack)))}
    enrolled = {"cpus": str(machine.cpus), "memory": f"{machine.memory_mib} MiB", "disk": f"{machine.disk_gib} GiB"}
    return _told(known | enrolled | dict(context.drivers.tools.hardware(context.by)))


def firmware(context: Context) -> Outcome:
    """Versions of firmware."""
    return _told(context.drivers.tools.firmware(context.by))


def _told(facts: Mapping[str, str]) -> Outcome:
    return Done(f"{len(facts)} facts", answer={name: fact for name, fact in facts.items() if fact})


def _sensor(one: Sensor) -> dict[str, str]:
    return {"sensor": one.name, "reading": one.reading, "health": one.health}


def _entry(one: LogEntry) -> dict[str, str]:
    return {"at": one.at, "health": one.health, "event": one.text}


def shut_down_only(context: Context) -> Outcome:
    """Ask the operating system to shut down; unlike `stop`, never cut the power."""
    outcome = shut_down(context)
    if not isinstance(outcome, Done):
        return outcome
    if context.observe(context.driver.read(context.by)) is Power.OFF:
        return Done(f"{context.machine.name} is off")
    return Fail(f"the operating system did not shut down ({outcome.detail})", "look at its console, or use poweroff")


def _flow(name: str, run: Callable[[Context], Outcome], limit_s: float = 0.0) -> Flow:
    return Flow((Step(name, run, limit_s),))


COMMANDS: Mapping[str, Flow] = {
    "poweron": ON,
    "poweroff": OFF,
    "powercycle": Flow((Step("power off", power_off), Step("power on", power_on))),
    "powerreset": RESET,
    "softshutdown": _flow("shut down", shut_down_only),
    "nmi": _flow("send an NMI", nmi),
    "identify": _flow("locator", identify),
    "bootdevice": _flow("boot device", boot_device),
    "sensors": _flow("read the sensors", sensors, _SLOW_S),
    "eventlog": _flow("read the event log", event_log, _SLOW_S),
    "cleareventlog": _flow("clear the event log", clear_event_log),
    "bmcreset": _flow("restart the BMC", reset_bmc),
    "hardware": _flow("read the hardware", hardware, _SLOW_S),
    "firmware": _flow("read the firmware", firmware, _SLOW_S),
    "check": _flow("check", check, _SLOW_S),
    **CARE,
    **NETWORK,
}
"""The flow of each custom action, of `bmprov machine check`, and of `bmprov network`."""
