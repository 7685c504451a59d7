"""What bmprov asks of a MAAS region, each call with its deadline. All errors are those of `worker.maas.errors`.

What MAAS is odd in (MAAS 3.7.3): `power_on` and `power_off` answer with the power from before, so they tell nothing
here; `power_on` of an Allocated machine deploys it; `deploy` has no `osystem`, which is part of `distro_series`.
"""

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bmprov.deadline import Deadline
from bmprov.maas import MaasEvent, MaasMachine, MaasUser
from bmprov.model import Erase
from bmprov.power import Power
from worker.maas import documents
from worker.maas.call import Call, Fields, machine_path
from worker.maas.errors import MaasInvalid
from worker.maas.network_calls import NetworkCalls

_ERASES: dict[Erase, Fields] = {
    Erase.NONE: {},
    Erase.QUICK: {"erase": True, "quick_erase": True, "secure_erase": "false"},
    Erase.SECURE: {"erase": True, "quick_erase": "false", "secure_erase": True},
}
_NEVER_INSTALLED = "No current installation"


@dataclass(frozen=True)
class Constraints:
    """What `allocate` takes into account; empty and 0 mean that anything will do. Minima for figures.

    `arch` is MAAS's (`amd64`, `arm64/generic`), `interfaces` is a labelled map such as `a:tag=fast,vid=7;b:fabric=lab`.
    MAAS has none for a MAC: `MaasRegion.with_mac` finds the machine, which `system_id` names then.
    """

    system_id: str = ""
    name: str = ""
    arch: str = ""
    cpu_count: int = 0
    mem: int = 0
    tags: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    zone: str = ""
    pool: str = ""
    interfaces: str = ""


class MaasRegion(NetworkCalls):
    """One region: machines, beside the networks."""

    def version(self, by: Deadline) -> str:
        """MAAS's version, which needs no key."""
        return self._read(documents.version, Call("GET", "version/"), by)

    def description(self, by: Deadline) -> object:
        """What the region says that it can be asked (JSON), which needs no key."""
        told: object = self._wire.call(Call("GET", "describe/"), by)
        return told

    def whoami(self, by: Deadline) -> MaasUser:
        """Whose the key is."""
        return self._read(documents.user, Call("GET", "users/", "whoami"), by)

    def ssh_keys(self, by: Deadline) -> int:
        """How many SSH keys that user has in MAAS, which puts them onto each machine that it deploys for him."""
        return self._read(documents.count, Call("GET", "account/prefs/sshkeys/"), by)

    def machines(self, by: Deadline) -> list[MaasMachine]:
        """All machines that the key's user may see."""
        return self._read(documents.machines, Call("GET", "machines/"), by)

    def machines_named(self, system_ids: Sequence[str], by: Deadline) -> list[MaasMachine]:
        """Those of these machines that there are, in one call."""
        return self._read(documents.machines, Call("GET", "machines/", query={"id": system_ids}), by)

    def machine(self, system_id: str, by: Deadline) -> MaasMachine:
        """One machine."""
        return self._machine("GET", system_id, "", {}, by)

    def allocated_to(self, system_id: str, agent_name: str, by: Deadline) -> MaasMachine | None:
        """The machine, if it was allocated with this agent name and not released since."""
        return self._first({"id": system_id, "agent_name": agent_name}, by)

    def with_agent(self, agent_name: str, by: Deadline) -> list[MaasMachine]:
        """All machines that were allocated with this agent name and not released since."""
        return self._read(documents.machines, Call("GET", "machines/", query={"agent_name": agent_name}), by)

    def with_mac(self, mac: str, by: Deadline) -> MaasMachine | None:
        """The machine that has a NIC with this MAC."""
        return self._first({"mac_address": mac}, by)

    def allocate(self, wanted: Constraints, agent_name: str, comment: str, by: Deadline) -> MaasMachine:
        """Take a machine that is Ready; MAAS gives no two callers the same.

        Raises:
            MaasConflict: none matches; the text names the constraints.
        """
        sought = {name: value for name, value in asdict(wanted).items() if value}
        form = {**sought, "agent_name": agent_name, "comment": comment}
        return self._read(documents.machine, Call("POST", "machines/", "allocate", form=form), by)

    def deploy(
        self, system_id: str, distro_series: str, hwe_kernel: str, user_data: bytes, by: Deadline
    ) -> MaasMachine:
        """Begin to install. `distro_series` is such as `ubuntu/jammy`; what is empty is MAAS's default."""
        data = base64.b64encode(user_data).decode()
        form = {"distro_series": distro_series, "hwe_kernel": hwe_kernel, "user_data": data}
        return self._machine("POST", system_id, "deploy", form, by)

    def release(self, system_id: str, erase: Erase, comment: str, by: Deadline) -> MaasMachine:
        """Begin to give it back. `Erase.NONE` is what MAAS's own settings say, which may be to erase."""
        return self._machine("POST", system_id, "release", {**_ERASES[erase], "comment": comment}, by)

    def power_on(self, system_id: str, by: Deadline) -> None:
        """Switch it on; an Allocated one is deployed."""
        self._machine("POST", system_id, "power_on", {}, by)

    def power_off(self, system_id: str, by: Deadline, *, soft: bool) -> None:
        """Switch it off, or ask its system to shut down."""
        self._machine("POST", system_id, "power_off", {"stop_mode": "soft" if soft else "hard"}, by)

    def query_power(self, system_id: str, by: Deadline) -> Power:
        """The power as the BMC reads it now."""
        return self._read(documents.power, _about(system_id, "GET", "query_power_state", {}), by)

    def abort(self, system_id: str, comment: str, by: Deadline) -> MaasMachine:
        """Stop what is under way."""
        return self._machine("POST", system_id, "abort", {"comment": comment}, by)

    def mark_broken(self, system_id: str, comment: str, by: Deadline) -> MaasMachine:
        """Take it out of use, its owner's only; it is released first."""
        return self._machine("POST", system_id, "mark_broken", {"comment": comment}, by)

    def mark_fixed(self, system_id: str, comment: str, by: Deadline) -> MaasMachine:
        """Take a broken one into use again; an administrator's only."""
        return self._machine("POST", system_id, "mark_fixed", {"comment": comment}, by)

    def rescue_mode(self, system_id: str, by: Deadline) -> MaasMachine:
        """Begin to boot it into rescue mode; an administrator's only."""
        return self._machine("POST", system_id, "rescue_mode", {}, by)

    def exit_rescue_mode(self, system_id: str, by: Deadline) -> MaasMachine:
        """Begin to leave rescue mode; an administrator's only."""
        return self._machine("POST", system_id, "exit_rescue_mode", {}, by)

    def lock(self, system_id: str, comment: str, by: Deadline) -> MaasMachine:
        """Forbid every change."""
        return self._machine("POST", system_id, "lock", {"comment": comment}, by)

    def unlock(self, system_id: str, comment: str, by: Deadline) -> MaasMachine:
        """Permit changes again."""
        return self._machine("POST", system_id, "unlock", {"comment": comment}, by)

    def events(self, system_id: str, limit: int, by: Deadline) -> list[MaasEvent]:
        """The newest events of the level INFO and above, newest first."""
        query: Fields = {"id": system_id, "limit": limit}
        return self._read(documents.events, Call("GET", "events/", "query", query=query), by)

    def installation_log(self, system_id: str, by: Deadline) -> str:
        """What the scripts of the last installation wrote that failed, or all if none did; empty before the first."""
        path, query = f"{_results(system_id)}current-installation/", {"include_output": "1"}
        try:
            return self._read(documents.output, Call("GET", path, "", f"machine {system_id}", query=query), by)
        except MaasInvalid as invalid:
            if _NEVER_INSTALLED in invalid.why:
                return ""
            raise

    def _machine(self, method: str, system_id: str, op: str, form: Fields, by: Deadline) -> MaasMachine:
        return self._read(documents.machine, _about(system_id, method, op, form), by)

    def _first(self, query: Fields, by: Deadline) -> MaasMachine | None:
        return next(iter(self._read(documents.machines, Call("GET", "machines/", query=query), by)), None)


def _about(system_id: str, method: str, op: str, form: Fields) -> Call:
    return Call(method, machine_path(system_id), op, f"machine {system_id}", form=form)


def _results(system_id: str) -> str:
    return machine_path(system_id).replace("machines/", "nodes/", 1) + "results/"
