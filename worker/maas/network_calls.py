"""The calls about a region's networks, and about how a machine's NICs are put on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bmprov.deadline import Deadline
from bmprov.maas import LinkMode, MaasFabric, MaasNic, MaasSubnet, MaasVlan, MaasVlanNic
from worker.maas import documents
from worker.maas.call import Call, Fields, nic_path, nics_path
from worker.maas.errors import MaasBroken
from worker.maas.facts import Odd
from worker.maas.wire import Wire

Told = TypeVar("Told")


@dataclass(frozen=True)
class NewLink:
    """How a NIC is to be put on a subnet. An address is for `STATIC` only; without one MAAS chooses."""

    mode: LinkMode
    subnet_id: int
    ip_address: str = ""
    default_gateway: bool = False


class NetworkCalls:
    """Fabrics, VLANs, subnets and NICs of one region. All but the lists need an administrator's key.

    Raises:
        MaasConflict: the machine's status forbids it, or an address is in use.
        MaasInvalid: a value that cannot be, such as a VID that the fabric has already.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    def name(self) -> str:
        """The region's."""
        return self._wire.region

    def fabrics(self, by: Deadline) -> list[MaasFabric]:
        """All fabrics with their VLANs."""
        return self._read(documents.fabrics, Call("GET", "fabrics/"), by)

    def vlans(self, fabric_id: int, by: Deadline) -> list[MaasVlan]:
        """All VLANs of a fabric."""
        return self._read(documents.vlans, Call("GET", f"fabrics/{fabric_id}/vlans/", of=f"fabric {fabric_id}"), by)

    def subnets(self, by: Deadline) -> list[MaasSubnet]:
        """All subnets."""
        return self._read(documents.subnets, Call("GET", "subnets/"), by)

    def create_vlan(self, fabric_id: int, vid: int, name: str, by: Deadline) -> MaasVlan:
        """Add a VLAN to a fabric."""
        form: Fields = {"vid": vid, "name": name}
        call = Call("POST", f"fabrics/{fabric_id}/vlans/", of=f"fabric {fabric_id}", form=form)
        return self._read(documents.vlan, call, by)

    def create_subnet(self, cidr: str, vlan_id: int, gateway: str, dns: Sequence[str], by: Deadline) -> MaasSubnet:
        """Add a subnet to a VLAN; the gateway may be empty."""
        form: Fields = {"cidr": cidr, "vlan": vlan_id, "gateway_ip": gateway, "dns_servers": ",".join(dns)}
        return self._read(documents.subnet, Call("POST", "subnets/", form=form), by)

    def create_vlan_interface(
        self, system_id: str, parent_id: int, vlan_id: int, tags: Sequence[str], by: Deadline
    ) -> MaasVlanNic:
        """Put a tagged VLAN on a NIC, beside the untagged one on which it is; MAAS names it."""
        form: Fields = {"parent": parent_id, "vlan": vlan_id, "tags": ",".join(tags)}
        of = f"NIC {parent_id} of machine {system_id}"
        return self._read(documents.vlan_nic, Call("POST", nics_path(system_id), "create_vlan", of, form=form), by)

    def delete_interface(self, system_id: str, nic_id: int, by: Deadline) -> None:
        """Delete an interface, with the VLAN interfaces on it."""
        self._wire.call(Call("DELETE", nic_path(system_id, nic_id), of=f"NIC {nic_id} of machine {system_id}"), by)

    def set_interface_vlan(self, system_id: str, nic_id: int, vlan_id: int, by: Deadline) -> MaasNic:
        """Put a NIC on a VLAN. If it was on another one, its links are gone."""
        return self._nic("PUT", system_id, nic_id, "", {"vlan": vlan_id}, by)

    def link_subnet(self, system_id: str, nic_id: int, link: NewLink, by: Deadline) -> MaasNic:
        """Put a NIC on a subnet of its VLAN, beside those that it is on."""
        form: Fields = {
            "mode": link.mode,
            "subnet": link.subnet_id,
            "ip_address": link.ip_address,
            "default_gateway": link.default_gateway,
        }
        return self._nic("POST", system_id, nic_id, "link_subnet", form, by)

    def unlink_subnet(self, system_id: str, nic_id: int, link_id: int, by: Deadline) -> MaasNic:
        """Take a NIC off a subnet."""
        return self._nic("POST", system_id, nic_id, "unlink_subnet", {"id": link_id}, by)

    def _nic(self, method: str, system_id: str, nic_id: int, op: str, form: Fields, by: Deadline) -> MaasNic:
        call = Call(method, nic_path(system_id, nic_id), op, f"NIC {nic_id} of machine {system_id}", form=form)
        return self._read(documents.nic, call, by)

    def _read(self, reader: Callable[[object], Told], call: Call, by: Deadline) -> Told:
        """What a call tells, as a record."""
        told = self._wire.call(call, by)
        try:
            return reader(told)
        except Odd as odd:
            raise MaasBroken(
                f"MAAS region '{self.name}' answers {call} with what MAAS 3.7 would not ({odd})",
                "check its address and its version",
            ) from odd
