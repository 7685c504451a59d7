"""Sending machines to the API, several at a time, and waiting until they are available.

A machine that is enrolled already, just so, is left alone: a file may be given again after a fault.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from bmprov.api.shapes.machine import MachineIn
from bmprov.cabling import Source
from bmprov.cli.api import Api
from bmprov.cli.enrolment import body, differences
from bmprov.errors import Conflict, Fatal, NotFound

_REQUESTS_AT_ONCE = 8
_INSPECTION_S = 60.0
_EACH_S = 0.5
_ASK_EVERY_S = 0.5


@dataclass(frozen=True)
class Enrolling:
    """Enrols machines through `api`; `say` is told what a person wants to read."""

    api: Api
    say: Callable[[str], object]
    sleep: Callable[[float], object] = sleep  # between two looks: the API announces nothing

    def run(self, machines: Sequence[MachineIn], *, wait: bool) -> None:
        """Enrol what is not enrolled yet, and wait until all of it has been inspected.

        Raises:
            Conflict: a machine is enrolled already and is not the same.
            NotFound: a machine is cabled to a switch that is not known.
            Fatal: a machine's inspection failed, or did not end in time.
        """
        self._refuse_unknown_switches(machines)
        new = self._unknown(machines)
        if len(new) < len(machines):
            self.say(f"{len(machines) - len(new)} of {len(machines)} machines are enrolled already")
        with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
            list(pool.map(lambda machine: self.api.post("/machines", body(machine)), new))
        for machine in new if len(new) <= _REQUESTS_AT_ONCE else ():
            self.say(f"{machine.name} is enrolled")
        if wait:
            self.wait_inspected({machine.name for machine in new})

    def wait_inspected(self, names: set[str]) -> None:
        """Wait until these machines have been inspected.

        Raises:
            Fatal: an inspection failed, or did not end in time.
        """
        deadline = monotonic() + _INSPECTION_S + _EACH_S * len(names)
        while names and (left := self._not_inspected(names)):
            if monotonic() > deadline:
                raise Fatal(
                    f"{len(left)} machines were not inspected, {left[0]} among them", "look at the workers' logs"
                )
            self.sleep(_ASK_EVERY_S)
        if names:
            self.say(f"{len(names)} machines are available" if len(names) > 1 else f"{next(iter(names))} is available")

    def _not_inspected(self, names: set[str]) -> list[str]:
        mine = [known for known in self._known() if known["name"] in names]
        for machine in mine:
            if machine["state"] == "error":
                raise Fatal(
                    f"the inspection of {machine['name']} failed: {machine['fault']}", "then `bmprov machine inspect`"
                )
        return [machine["name"] for machine in mine if machine["state"] in ("enrolled", "inspecting")]

    def _unknown(self, machines: Sequence[MachineIn]) -> list[MachineIn]:
        known, cables = {machine["name"]: machine for machine in self._known()}, self._entered(machines)
        for machine in machines:
            other = differences(machine, known[machine.name], cables) if machine.name in known else []
            if other:
                raise Conflict(
                    f"machine '{machine.name}' is enrolled already with other values of {', '.join(other)}",
                    "remove it first, or correct the file; nothing was enrolled",
                )
        return [machine for machine in machines if machine.name not in known]

    def _refuse_unknown_switches(self, machines: Sequence[MachineIn]) -> None:
        """Else some machines of a file would be enrolled, and some not."""
        named = {nic.switch: machine.name for machine in machines for nic in machine.nics if nic.switch}
        known = {switch["name"] for switch in self.api.get("/switches")["switches"]} if named else set()
        for switch in sorted(named.keys() - known):
            raise NotFound(
                f"machine '{named[switch]}' is cabled to switch '{switch}', which is not known",
                "enter it with `bmprov switch add`; nothing was enrolled",
            )

    def _entered(self, machines: Sequence[MachineIn]) -> dict[str, Any]:
        """The places that people have entered, by MAC, if one of these machines tells any."""
        if not any(nic.cable for machine in machines for nic in machine.nics):
            return {}
        cables, by_people = self.api.get("/cables")["cables"], (Source.HAND, Source.FILE)
        return {
            cable["mac"]: fact["place"] for cable in cables for fact in cable["facts"] if fact["source"] in by_people
        }

    def _known(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.every("machines")
        return found
