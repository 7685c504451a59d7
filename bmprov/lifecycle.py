"""The life of a machine: every state, every event, and the one table that joins them.

Two rules: an event that the table does not know in a state raises and changes nothing, and nothing else in the
project assigns a state. Names are Ironic's where it has one. `diagram()` draws the table for the documentation.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from bmprov.errors import Conflict


class State(StrEnum):
    """Where a machine stands. Maintenance and power are separate facts."""

    ENROLLED = "enrolled"
    INSPECTING = "inspecting"
    AVAILABLE = "available"
    RESERVED = "reserved"
    DEPLOYING = "deploying"
    ACTIVE = "active"
    RELEASING = "releasing"
    CLEANING = "cleaning"
    ERROR = "error"


class Event(StrEnum):
    """What happens to a machine. The last three are MAAS's doing: it offers one, withdraws it, or takes it away."""

    INSPECT = "inspect"
    INSPECTED = "inspected"
    RESERVE = "reserve"
    EXPIRE = "expire"
    DEPLOY = "deploy"
    DEPLOYED = "deployed"
    RELEASE = "release"
    RELEASED = "released"
    CLEANED = "cleaned"
    FAIL = "fail"
    CANCEL = "cancel"
    OFFER = "offer"
    WITHDRAW = "withdraw"
    LOSE = "lose"


class Kind(StrEnum):
    """What an operation does to its machine.

    `RESERVE` makes sure of a machine that somebody else could take too; `BMC` only asks or tells its BMC something.
    """

    INSPECT = "inspect"
    RESERVE = "reserve"
    DEPLOY = "deploy"
    POWER = "power"
    BMC = "bmc"
    RELEASE = "release"


_S, _E = State, Event
_BY_MAAS = {_E.OFFER, _E.WITHDRAW, _E.LOSE}

NEXT: MappingProxyType[tuple[State, Event], State] = MappingProxyType(
    {
        (_S.ENROLLED, _E.INSPECT): _S.INSPECTING,
        (_S.AVAILABLE, _E.INSPECT): _S.INSPECTING,
        (_S.ERROR, _E.INSPECT): _S.INSPECTING,
        (_S.INSPECTING, _E.INSPECTED): _S.AVAILABLE,
        (_S.INSPECTING, _E.FAIL): _S.ERROR,
        (_S.INSPECTING, _E.CANCEL): _S.ENROLLED,
        (_S.ENROLLED, _E.OFFER): _S.AVAILABLE,
        (_S.ERROR, _E.OFFER): _S.AVAILABLE,
        (_S.AVAILABLE, _E.WITHDRAW): _S.ENROLLED,
        (_S.ERROR, _E.WITHDRAW): _S.ENROLLED,
        (_S.AVAILABLE, _E.RESERVE): _S.RESERVED,
        (_S.RESERVED, _E.EXPIRE): _S.AVAILABLE,
        (_S.RESERVED, _E.WITHDRAW): _S.ENROLLED,
        (_S.RESERVED, _E.DEPLOY): _S.DEPLOYING,
        (_S.ERROR, _E.DEPLOY): _S.DEPLOYING,  # CloudStack tries the same instance again
        (_S.DEPLOYING, _E.DEPLOYED): _S.ACTIVE,
        (_S.DEPLOYING, _E.FAIL): _S.ERROR,
        (_S.DEPLOYING, _E.CANCEL): _S.ERROR,  # half an operating system may be on the disk
        (_S.ACTIVE, _E.LOSE): _S.ERROR,
        (_S.RESERVED, _E.RELEASE): _S.RELEASING,
        (_S.ACTIVE, _E.RELEASE): _S.RELEASING,
        (_S.ERROR, _E.RELEASE): _S.RELEASING,
        (_S.RELEASING, _E.RELEASED): _S.CLEANING,
        (_S.RELEASING, _E.FAIL): _S.ERROR,
        (_S.RELEASING, _E.CANCEL): _S.ERROR,
        (_S.CLEANING, _E.CLEANED): _S.AVAILABLE,
        (_S.CLEANING, _E.FAIL): _S.ERROR,
        (_S.CLEANING, _E.CANCEL): _S.ERROR,
    }
)


@dataclass(frozen=True)
class Course:
    """The events with which an operation begins and ends; None leaves the machine's state alone."""

    begin: Event | None
    succeed: Event | None
    fail: Event | None
    cancel: Event | None


COURSES: MappingProxyType[Kind, Course] = MappingProxyType(
    {
        Kind.INSPECT: Course(Event.INSPECT, Event.INSPECTED, Event.FAIL, Event.CANCEL),
        Kind.RESERVE: Course(None, None, None, None),
        Kind.DEPLOY: Course(Event.DEPLOY, Event.DEPLOYED, Event.FAIL, Event.CANCEL),
        Kind.POWER: Course(None, None, None, None),
        Kind.BMC: Course(None, None, None, None),
        Kind.RELEASE: Course(Event.RELEASE, Event.CLEANED, Event.FAIL, Event.CANCEL),
    }
)


class IllegalEvent(Conflict):
    """The machine is in a state in which this cannot happen."""

    def __init__(self, state: State, event: Event) -> None:
        allowed = sorted(one.value for known, one in NEXT if known is state and one not in _BY_MAAS)
        super().__init__(f"a machine that is {state} cannot take '{event}'", f"what it can take: {', '.join(allowed)}")
        self.state = state
        self.event = event


def advance(state: State, event: Event) -> State:
    """The state after `event`.

    Raises:
        IllegalEvent: the table has no such transition; nothing has changed.
    """
    try:
        return NEXT[state, event]
    except KeyError:
        raise IllegalEvent(state, event) from None


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = [f"    {state} --> {after}: {event}" for (state, event), after in NEXT.items()]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {State.ENROLLED}", *lines])
