"""A switch of which only what the bounds allow is ever ordered, whoever asks."""

from collections.abc import Mapping, Sequence

from bmprov.deadline import Deadline
from bmprov.errors import SwitchForbidden
from bmprov.switch import Bounds, Change, Outcome, Plan, PortState, Switch


class GuardedSwitch:
    """Fulfils `bmprov.switch.Switch`; what is out of bounds raises `SwitchForbidden`, and nothing is sent.

    Reading is not bounded: what an uplink carries may be looked at.
    """

    def __init__(self, name: str, switch: Switch, bounds: Bounds) -> None:
        self._name = name
        self._switch = switch
        self._bounds = bounds

    def read(self, ports: Sequence[str], by: Deadline) -> Mapping[str, PortState]:
        """The ports as configured."""
        return self._switch.read(ports, by)

    def plan(self, changes: Sequence[Change], by: Deadline) -> Plan:
        """What `apply` would send."""
        self._check(changes)
        return self._switch.plan(changes, by)

    def apply(self, changes: Sequence[Change], by: Deadline, *, save: bool = False) -> Outcome:
        """Make the changes."""
        self._check(changes)
        return self._switch.apply(changes, by, save=save)

    def _check(self, changes: Sequence[Change]) -> None:
        if told := self._bounds.objections(changes):
            raise SwitchForbidden(
                f"nothing was sent to switch {self._name}: {'; '.join(told)}",
                "compare the cabling, the uplinks and the VLAN ranges of this switch with what is meant",
            )
