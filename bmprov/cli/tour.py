"""The demo's tour: an instance's whole life, called for as CloudStack calls, and each answer held against the service.

What CloudStack does not see (the machine, the operation) is read over the REST API with a viewer's token.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

from bmprov.cli.api import Api, path
from bmprov.cli.timeline import Operation, changes
from bmprov.cli.tour_screen import Screen
from bmprov.errors import Fatal
from bmprov.sim.cloudstack import CloudStack, Result, merge_prepare
from bmprov.sim.virtual_machine import VirtualMachine

_BEGINS_S = 20.0
_LOOK_EVERY_S = 0.05
_CHECK = "the service's logs are in the demo's folder, in log/"


@dataclass
class Tour:
    """Plays CloudStack to the service behind `api`, and shows it on `screen`. `boot_s` is how long a machine boots."""

    cloudstack: CloudStack
    api: Api
    screen: Screen
    vm: VirtualMachine
    boot_s: float
    results: list[Result] = field(default_factory=list)

    def run(self) -> None:
        """All calls, in the order of an instance's life.

        Raises:
            Fatal: a call failed, or what it answered is not so.
        """
        self._deploy()
        self._use()
        self._give_back()

    def _deploy(self) -> None:
        self.screen.act("A user deploys an instance", f"{self.vm.name} gets a machine, and the machine gets its image")
        issued = self._mac()
        answer = self._call("prepare", self.cloudstack.prepare)
        self.vm = merge_prepare(self.vm, answer)
        machine, mac = self._machine(), self._mac()
        known = mac in [nic["mac"] for nic in machine["nics"]]
        self._expect(known, f"CloudStack now knows {mac}, a NIC of {machine['name']}, and not {issued}")
        self._expect(machine["state"] == "reserved", f"{machine['name']} is reserved for it")
        self._watched("create", self.cloudstack.create, "deploy")
        machine = self._machine()
        self._expect(machine["state"] == "active", f"{machine['name']} is active")
        self._power("poweron")
        self._on_its_vlan(machine["name"])

    def _use(self) -> None:
        self.screen.act("The user works with it", "each answer comes when the BMC has read it back")
        self._let_boot()
        self._call("stop", self.cloudstack.stop)
        self._power("poweroff")
        self._call("start", self.cloudstack.start)
        self._power("poweron")
        self._let_boot()
        told = self._statuses_during("reboot", self.cloudstack.reboot)
        self._expect("poweroff" not in told, f"{len(told)} status calls during the reboot; none said poweroff")
        statuses = self._call("statuses", lambda _: self.cloudstack.statuses())
        self._expect(statuses["power_state"].get(self.vm.name) == "poweron", "statuses says the same")

    def _give_back(self) -> None:
        machine = self._machine()["name"]
        self.screen.act("The user destroys it", f"{machine} goes back into the pool")
        self._call("delete", self.cloudstack.delete)
        after = self.api.get(path("machines", machine))
        self._expect(after["state"] == "available" and after["instance"] is None, f"{machine} is available again")
        self._expect(after["power"]["power"] == "off", f"{machine} is off")
        changed = {name for result in self.results for name in result.changed}
        self._expect(not changed, "nothing appeared beside the extension's file, which CloudStack checksums")

    def _call(self, action: str, call: Callable[[VirtualMachine], Result]) -> dict[str, Any]:
        """Make a call, show it, and return its answer."""
        self.screen.calls(action)
        return self._answered(call(self.vm))

    def _answered(self, result: Result) -> dict[str, Any]:
        self.results.append(result)
        self.screen.called(result)
        if not result.succeeded:
            raise Fatal(f"{result.argv[1]} failed: {result.told}", _CHECK)
        answer = result.answer
        status = answer.get("status", "success")
        self._expect(status == "success", f"{result.argv[1]}: success", quiet=True)
        return answer

    def _watched(self, action: str, call: Callable[[VirtualMachine], Result], kind: str) -> None:
        """Make a call that takes its time, and show the operation behind it meanwhile."""
        self.screen.calls(action)
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(call, self.vm)
            operation = self._begun(kind, result)
            if operation is not None:
                self.screen.operation(changes(self.api, operation["id"]))
            self._answered(result.result())

    def _statuses_during(self, action: str, call: Callable[[VirtualMachine], Result]) -> list[str]:
        """Make a call, and ask for the status all the time while it runs; all that was told."""
        self.screen.calls(action)
        told: list[str] = []
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(call, self.vm)
            while not result.done():
                told.append(self.cloudstack.status(self.vm).answer["power_state"])
            self._answered(result.result())
        return told

    def _begun(self, kind: str, result: Future[Result]) -> Operation | None:
        """The operation of this kind that is under way for our instance; None when it ended before it was seen."""
        until = monotonic() + _BEGINS_S
        while not result.done() and monotonic() < until:
            for operation in self.api.get("/operations", unfinished=True)["operations"]:
                if operation["instance"] == self.vm.uuid and operation["kind"] == kind:
                    found: Operation = operation
                    return found
            sleep(_LOOK_EVERY_S)  # the API announces nothing
        return None

    def _let_boot(self) -> None:
        """Give the operating system the time to start, as a user does: asked too early, it does not shut down."""
        self.screen.say("  the operating system boots")
        sleep(self.boot_s)  # nothing outside the machine can tell

    def _power(self, wanted: str) -> None:
        answer = self._call("status", self.cloudstack.status)
        self._expect(answer["power_state"] == wanted, f"status says {wanted}")

    def _on_its_vlan(self, machine: str) -> None:
        """The switch port that the machine is cabled to carries CloudStack's VLAN, as it read back."""
        [deployed] = self.api.get("/operations", machine=machine, limit=1)["operations"]
        steps = self.api.get(path("operations", deployed["id"]))["steps"]
        moves = "; ".join(step["detail"] for step in steps if step["name"].startswith("switch ports"))
        vlan = self.vm.details["nics"][0]["broadcastUri"].removeprefix("vlan://")
        self._expect(f"-> access VLAN {vlan}" in moves, f"its switch port carries VLAN {vlan}, which CloudStack issued")

    def _machine(self) -> dict[str, Any]:
        """The machine that our instance has."""
        instance = self.api.get(path("instances", self.vm.uuid))
        machine: dict[str, Any] = self.api.get(path("machines", instance["machine"]))
        return machine

    def _mac(self) -> str:
        return str(self.vm.details["nics"][0]["mac"])

    def _expect(self, truth: bool, words: str, *, quiet: bool = False) -> None:  # noqa: FBT001 - what is held to be true
        if not truth:
            raise Fatal(f"this is not so: {words}", _CHECK)
        if not quiet:
            self.screen.holds(words)
