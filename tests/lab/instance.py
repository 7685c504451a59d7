"""An instance of CloudStack's in the lab, by the calls that CloudStack makes for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bmprov.sim.cloudstack import CloudStack, Result, merge_prepare
from bmprov.sim.virtual_machine import Nic, VirtualMachine, virtual_machine


@dataclass(frozen=True)
class Instance:
    """An instance and its CloudStack. Make one with `prepared`."""

    cloudstack: CloudStack
    vm: VirtualMachine

    @classmethod
    def prepared(cls, cloudstack: CloudStack, number: int, external: Mapping[str, str], **more: Any) -> "Instance":  # noqa: ANN401
        """The instance after `prepare`: a machine is reserved for it, whose MAC is its own now."""
        nic = Nic(f"02:00:4c:9f:00:{number:02x}", f"192.0.2.{number + 10}", "1577")
        vm = virtual_machine(number, [nic], external, **more)
        answered = cloudstack.prepare(vm)
        assert answered.succeeded, answered.told
        return cls(cloudstack, merge_prepare(vm, answered.answer))

    @property
    def mac(self) -> str:
        """The MAC of its NIC."""
        return str(self.vm.details["nics"][0]["mac"])

    @property
    def address(self) -> str:
        """The address that CloudStack has issued."""
        return str(self.vm.details["nics"][0]["ip"])

    @property
    def name(self) -> str:
        """Its host name."""
        return str(self.vm.details["hostName"])

    def create(self) -> Result:
        """The first start."""
        return self.cloudstack.create(self.vm)

    def do(self, action: str) -> Result:
        """`start`, `stop`, `reboot` or `delete`, which must succeed."""
        result: Result = getattr(self.cloudstack, action)(self.vm)
        assert result.succeeded, f"{action}: {result.told}"
        return result

    @property
    def power(self) -> str:
        """What CloudStack is told of its power."""
        return str(self.do("status").answer["power_state"])
