"""An instance of CloudStack's in the lab, by the calls that CloudStack makes for it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bmprov.sim.cloudstack import CloudStack, Result, merge_prepare
from bmprov.sim.virtual_machine import Nic, VirtualMachine, virtual_machine
from tests.lab.router import ADDRESS, PHONE_HOME_PORT

_PHONE_HOME = f"""#!/bin/sh
mode=bios
[ -d /sys/firmware/efi ] && mode=uefi
url="http://{ADDRESS.ip}:{PHONE_HOME_PORT}/?host=$(hostname)&mode=$mode"
wget -q -O /dev/null "$url" || python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "$url"
"""
USER_DATA = base64.b64encode(_PHONE_HOME.encode()).decode()
"""A tenant's script, as CloudStack hands it on: it says who the instance is and how it was booted."""


_NETWORKS = ("192.0.2", "198.51.100")
"""Of the first and the second NIC."""


@dataclass(frozen=True)
class Instance:
    """An instance and its CloudStack. Make one with `prepared`."""

    cloudstack: CloudStack
    vm: VirtualMachine

    @classmethod
    def prepared(
        cls,
        cloudstack: CloudStack,
        number: int,
        nics: int,
        external: Mapping[str, str],
        vlan: int = 1577,
        **more: Any,  # noqa: ANN401 - virtual_machine's
    ) -> "Instance":
        """The instance after `prepare`: a machine is reserved for it, whose MAC is its own now.

        All NICs are in the same VLAN.
        """
        macs = [f"02:00:4c:9f:{nic:02x}:{number:02x}" for nic in range(nics)]
        issued = [
            Nic(mac, f"{net}.{10 + number}", str(vlan), gateway=f"{net}.1")
            for net, mac in zip(_NETWORKS, macs, strict=False)
        ]
        vm = virtual_machine(number, issued, external, **more)
        answered = cloudstack.prepare(vm)
        assert answered.succeeded, answered.told
        return cls(cloudstack, merge_prepare(vm, answered.answer))

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses that CloudStack has issued, by the MAC of the NIC."""
        return {nic["mac"]: nic["ip"] for nic in self.vm.details["nics"]}

    @property
    def address(self) -> str:
        """That of its first NIC."""
        return next(iter(self.addresses.values()))

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
