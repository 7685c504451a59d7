"""What a flow is made of: steps, and the outcomes that a step may return.

A step checks the world, acts and reads back. It may run twice, because a worker can be killed anywhere and a job may be
delivered twice: both runs must end in the same world. It never waits: it returns `Wait`, and the ramdisk's call or the
deadline wakes the operation.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from bmprov.deadline import Deadline
from bmprov.hardware import BmcTools, Console
from bmprov.lifecycle import Event
from bmprov.media import MediaDriver
from bmprov.model import Machine, Operation
from bmprov.payload import InstanceRequest
from bmprov.power import Power, PowerDriver
from bmprov.settings import WorkerSettings
from worker.maas.place import Place
from worker.ports import MachinePorts


@dataclass(frozen=True)
class Done:
    """The step has reached its end.

    `netboot` opens or closes the network-boot services to the machine (None leaves them); `event` moves the machine's
    state in the middle of a flow; `forget` ends the instance's claim on the machine. Of the last step, `message` is
    what the operation comes to (else `detail`), and `answer` what a custom action tells.
    """

    detail: str = ""
    message: str = ""
    netboot: bool | None = None
    event: Event | None = None
    forget: bool = False
    answer: Any = None


@dataclass(frozen=True)
class Wait:
    """Nothing to do until something happens, at most `for_s` seconds from the step's first wait.

    Without `poll_s` a signal wakes the step; with it, the step also looks again every `poll_s` seconds.
    """

    for_what: str
    for_s: float
    poll_s: float | None = None


@dataclass(frozen=True)
class Retry:
    """Run the step again, `after_s` from now; the runner's backoff decides when that is None."""

    why: str
    check: str = ""
    after_s: float | None = None


@dataclass(frozen=True)
class Fail:
    """The operation ends here: why, and what an operator should look at.

    `quarantine` keeps the machine from being reserved again until somebody has looked at it. `taken` says that
    somebody else has the machine: the reservation ends, and whoever wants a machine may ask again for another one.
    """

    why: str
    check: str = ""
    quarantine: bool = False
    taken: bool = False

    def also(self, check: str) -> "Fail":
        """The same failure, with more to look at."""
        return replace(self, check="; ".join(filter(None, (self.check, check))))


Outcome = Done | Wait | Retry | Fail


@dataclass(frozen=True)
class MachineDrivers:
    """What moves a machine: its power and boot device, what else its BMC can, and its virtual CD.

    `maas` is where it stands in MAAS; None for all others.
    """

    power: PowerDriver
    tools: BmcTools
    media: MediaDriver
    maas: Place | None = None


@dataclass
class Context:
    """What a step knows: the operation and its machine as they stood when it began, and the machine's drivers."""

    operation: Operation
    machine: Machine
    drivers: MachineDrivers
    limits: WorkerSettings
    by: Deadline
    now: float
    cd_url: str = field(repr=False)
    """Where the machine's BMC fetches the ramdisk's CD from; the operation's token is in it."""
    request_of: Callable[[], InstanceRequest] = field(repr=False)
    """What the instance asked for, opened when it is needed: secrets are in it."""
    ports_of: Callable[[], MachinePorts] = field(repr=False)
    observed: Power | None = field(default=None, init=False)
    console: Console | None = field(default=None, init=False)
    """What console the BMC has been found to offer; stored like `observed`."""

    @property
    def driver(self) -> PowerDriver:
        """The machine's power and boot device."""
        return self.drivers.power

    @cached_property
    def ports(self) -> MachinePorts:
        """The machine's switch ports, as the store has them when they are first asked for."""
        return self.ports_of()

    @property
    def overdue(self) -> bool:
        """Whether the time that this step may wait is over."""
        return self.operation.wait_until is not None and self.now >= self.operation.wait_until

    def waited_of(self, for_s: float) -> float:
        """How many of the `for_s` seconds that this step may wait have gone by."""
        until = self.operation.wait_until
        return 0.0 if until is None else max(0.0, for_s - (until - self.now))

    def observe(self, power: Power) -> Power:
        """Keep what the BMC has read back; it is stored together with the step's outcome, whichever that is."""
        self.observed = power
        return power


@dataclass(frozen=True)
class Step:
    """A named step. The name is what the timeline shows and what the operation's row remembers.

    `limit_s` is for a step that takes longer than others may (`worker.step_s`). `ports`: it is left out where bmprov
    sets no switches. `harmless`: when it fails, or the operation is cancelled in it, there is nothing to be cleared up.
    """

    name: str
    run: Callable[[Context], Outcome]
    limit_s: float = 0.0
    ports: bool = False
    harmless: bool = False


@dataclass(frozen=True)
class Flow:
    """The steps of an operation, in order.

    `clear_up` is called before the operation fails or is cancelled, once or more; it returns the failure as it is told.
    """

    steps: tuple[Step, ...]
    clear_up: Callable[[Context, Fail], Fail] | None = None

    @property
    def without_ports(self) -> "Flow":
        """The same where bmprov sets no switches."""
        return Flow(tuple(step for step in self.steps if not step.ports), self.clear_up)

    def at(self, name: str | None) -> Step:
        """The step named `name`; the first one for None, and for a name that an upgrade of bmprov has removed."""
        return next((step for step in self.steps if step.name == name), self.steps[0])

    def after(self, step: Step) -> Step | None:
        """The step after `step`, None after the last."""
        following = self.steps[self.steps.index(step) + 1 :]
        return following[0] if following else None
