"""The part of `make lab` with a switch: Debian on the VLANs of two tenants, and a machine that goes to the other one.

One system has the MAC of its machine, the other takes the one that CloudStack issued; both ask CloudStack's virtual
router for their address.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.lab import network, shell
from tests.lab.frames import heard
from tests.lab.instance import Instance
from tests.lab.lab import Lab
from tests.lab.managed import checked, manage
from tests.lab.qemu import Firmware
from tests.lab.router import ADDRESS, PHONE_HOME_PORT, Home
from tests.lab.story import phones_home
from tests.lab.switch import TENANTS, LabSwitch
from tests.lab.tenant import Tenant

_BOOT_S = 600  # a whole Debian, emulated, beside another one and the switch
_SSH = 22
_PORTS = {"tenant-a": "port1", "tenant-b": "port2"}
_FIRMWARES = (Firmware.BIOS, Firmware.UEFI)
_ASKING = ({"mac": "adopt", "addresses": "dhcp"}, {"mac": "impose", "addresses": "dhcp"})


@dataclass(frozen=True)
class Tenancy:
    """One run. `took` says how long each part of it took."""

    lab: Lab
    switch: LabSwitch
    tenant: Tenant
    took: Callable[[str], AbstractContextManager[None]]

    def run(self, disk_mib: int) -> None:
        """Tell all of it."""
        for (name, port), firmware in zip(_PORTS.items(), _FIRMWARES, strict=True):
            self.lab.machine(name, firmware, disks_mib=[disk_mib], taps=[self.switch.taps[port]])
        manage(self.switch, _PORTS)
        one, other = pair = [self._instance(place, name) for place, name in enumerate(_PORTS)]
        macs = [mac for machine in self.lab.machines.values() for mac in machine.macs]
        with (
            self.lab.router(one.addresses, TENANTS[0]) as home,
            self.lab.router(other.addresses, TENANTS[1]) as next_door,
        ):
            self._created(pair)
            with heard(network.BRIDGE, *macs, *other.addresses) as frames:
                self._lives_alone(home, one, other, _FIRMWARES[0])
                self._lives_alone(next_door, other, one, _FIRMWARES[1])
                assert frames() == 0, "a tenant's frames are on the provisioning network"
            with self.took("the first tenant gives its machine back"):
                one.do("delete")
            assert self.switch.shows("port1") is None
        moved = self.lab.instance(
            3, "tiny", "tenant-a", vlan=TENANTS[1], memory_mib=512, user_data=shell.USER_DATA, asking=_ASKING[0]
        )
        with self.lab.router({**other.addresses, **moved.addresses}, TENANTS[1]) as next_door:
            self._created([moved])
            with self.took("its machine lives beside the second tenant's"):
                assert next_door.wait(moved.name, _BOOT_S)["address"] == moved.address
                assert self.tenant.reaches(next_door, other.address, moved.address, shell.PORT)

    def _instance(self, place: int, name: str) -> Instance:
        return self.lab.instance(
            place + 1,
            "debian-12",
            name,
            vlan=TENANTS[place],
            asking=_ASKING[place],
            ssh_key=self.tenant.public_key,
            memory_mib=512,
        )

    def _created(self, instances: Sequence[Instance]) -> None:
        names = " and ".join(one.name for one in instances)
        with self.took(f"{names}: deployed, and on the tenant's VLAN"), ThreadPoolExecutor(len(instances)) as pool:
            for created in pool.map(Instance.create, instances):
                assert created.succeeded, created.told
        for machine in _PORTS:
            for row in checked(self.lab, machine):
                assert row["verdict"] == "good", row

    def _lives_alone(self, home: Home, one: Instance, other: Instance, firmware: Firmware) -> None:
        """It has the MAC and the address that CloudStack knows, reaches its router, and nobody else."""
        with self.took(f"{one.name}: boots Debian, phones home and lets its tenant in"):
            phones_home(home, one, firmware, _BOOT_S)
            seen = self.tenant.logs_in(home, one.address, _BOOT_S)
        assert seen["addresses"] == {mac: [address] for mac, address in one.addresses.items()}
        assert self.tenant.reaches(home, one.address, str(ADDRESS.ip), PHONE_HOME_PORT)
        assert not self.tenant.reaches(home, one.address, other.address, _SSH)
        assert not self.tenant.reaches(home, one.address, str(network.ADDRESS.ip), 80)
