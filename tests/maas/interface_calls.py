"""The operations on a machine's NICs (`InterfaceHandler` and `InterfaceLinkForm` of MAAS 3.7.3)."""

import ipaddress
from dataclasses import replace
from http import HTTPStatus

from tests.maas.answers import Answer, Refusal, conflict, forbidden, invalid, missing, refused, told
from tests.maas.call import Call
from tests.maas.documents import nic_document
from tests.maas.machine import Link, Machine, Nic
from tests.maas.network import Subnet, Vlan, free_address
from tests.maas.region import Region
from tests.maas.status import INTERFACES_CHANGEABLE, NodeStatus

_MODES = ("auto", "dhcp", "static", "link_up")


def list_interfaces(call: Call) -> Answer:
    machine = call.machine()
    return told([nic_document(machine, nic) for nic in machine.nics])


def create_vlan(call: Call) -> Answer:
    """Put a tagged VLAN on a NIC (`VLANInterfaceForm`), under the name that MAAS gives it."""
    machine = _changeable(call, "create VLAN")
    parent = _parent(call, machine)
    made = call.region.vlan_interface(parent, _tagged_vlan(call, parent), _tags(call))
    if any(nic.name == made.name for nic in machine.nics):
        host = f"{machine.system_id} ({machine.hostname}.maas)"
        raise invalid(name=f"Node {host} already has an interface named '{made.name}'.")
    machine.nics = (*machine.nics, made)
    return told(nic_document(machine, made))


def delete(call: Call) -> Answer:
    machine = _changeable(call, "delete interface")
    machine.drop(_nic(call, machine))
    return Answer(b"", HTTPStatus.NO_CONTENT)


def read(call: Call) -> Answer:
    machine = call.machine()
    return told(nic_document(machine, _nic(call, machine)))


def update(call: Call) -> Answer:
    """A deployed machine's NIC takes a name and a MAC only; what else comes is passed over.

    A VLAN interface has its NIC's MAC, and stays on a tagged VLAN of that NIC's fabric.
    """
    machine = _changeable(call, "update interface", NodeStatus.DEPLOYED)
    nic = _nic(call, machine)
    given = call.names()
    parent = next((one for one in machine.nics if one.id == nic.parent), None)
    mac = nic.mac if parent else (call.get("mac_address") or nic.mac).lower()
    changed = replace(nic, name=call.get("name") or nic.name, mac=mac)
    if machine.status is not NodeStatus.DEPLOYED:
        if "tags" in given:
            changed = replace(changed, tags=_tags(call))
        if "vlan" in given:
            vlan = _tagged_vlan(call, parent) if parent else _vlan(call)
            changed = replace(changed, vlan=vlan, links=nic.links if vlan == nic.vlan else ())
    return _put(machine, changed)


def disconnect(call: Call) -> Answer:
    machine = _changeable(call, "disconnect")
    return _put(machine, replace(_nic(call, machine), vlan=None, links=()))


def link_subnet(call: Call) -> Answer:
    machine = _changeable(call, "link subnet")
    nic, mode, force = _nic(call, machine), call.get("mode").lower(), call.flag("force")
    if mode not in _MODES:
        choices = ", ".join(f"'{one}'" for one in _MODES)
        raise invalid(mode=f"'{call.get('mode')}' is not a valid mode.  It should be one of: {choices}.")
    subnet = _subnet(call, nic, force=force)
    if subnet is None and mode in {"auto", "static"}:
        raise invalid(subnet="This field is required.")
    _check_mode(nic, mode, force=force)
    _check_gateway(call, mode, subnet)
    address = _address(call, machine, subnet) if mode == "static" and subnet else None
    kept = () if force or mode == "link_up" else tuple(link for link in nic.links if link.mode != "link_up")
    link = call.region.link(mode, subnet=subnet, address=address)
    if call.flag("default_gateway"):
        machine.gateway_link = link.id
    vlan = subnet.vlan if subnet and (force or nic.vlan is None) else nic.vlan
    return _put(machine, replace(nic, vlan=vlan, links=(*kept, link)))


def unlink_subnet(call: Call) -> Answer:
    """A NIC without any other link is left with one of mode `link_up`."""
    machine = _changeable(call, "unlink subnet")
    nic = _nic(call, machine)
    kept = tuple(link for link in nic.links if str(link.id) != call.get("id"))
    if kept == nic.links:
        choices = ", ".join(f"'{link.id}'" for link in nic.links)
        raise invalid(id=f"'{call.get('id')}' is not a valid id.  It should be one of: {choices}.")
    left: tuple[Link, ...] = kept or ((call.region.link("link_up"),) if nic.vlan else ())
    return _put(machine, replace(nic, links=left))


def _put(machine: Machine, nic: Nic) -> Answer:
    machine.put(nic)
    return told(nic_document(machine, nic))


def _changeable(call: Call, what: str, *more: NodeStatus) -> Machine:
    machine = call.machine(to_change=True)
    if not call.user.is_admin:
        raise forbidden()
    if machine.status not in {*INTERFACES_CHANGEABLE, *more}:
        raise conflict(f"Cannot {what} interface because the machine is not New, Ready, Allocated, or Broken.")
    return machine


def _nic(call: Call, machine: Machine) -> Nic:
    id_ = call.path["id"]
    nic = next((nic for nic in machine.nics if id_ in (str(nic.id), nic.name)), None)
    if nic is None:
        raise missing("Interface")
    return nic


def _parent(call: Call, machine: Machine) -> Nic:
    id_ = call.get("parent")
    if not id_:
        raise invalid(parent="A VLAN interface must have exactly one parent.")
    parent = next((nic for nic in machine.nics if str(nic.id) == id_), None)
    if parent is None:
        raise invalid(parent=f"Select a valid choice. {id_} is not one of the available choices.")
    if parent.parent is not None:
        raise invalid(parent="A VLAN interface can't have another VLAN interface as parent.")
    return parent


def _tagged_vlan(call: Call, parent: Nic) -> Vlan:
    vlan = _vlan(call)
    if vlan is None:
        raise invalid(vlan="A VLAN interface must be connected to a tagged VLAN.")
    if vlan.vid == 0:
        raise invalid(vlan="A VLAN interface can only belong to a tagged VLAN.")
    if parent.vlan is None or parent.vlan.fabric != vlan.fabric:
        same = "on the same fabric as its parent interface."
        raise invalid(vlan=f"A VLAN interface can only belong to a tagged VLAN {same}")
    return vlan


def _tags(call: Call) -> tuple[str, ...]:
    return tuple(tag for one in call.all("tags") for tag in one.split(",") if tag)


def _vlan(call: Call) -> Vlan | None:
    id_ = call.get("vlan").removeprefix("vlan:")
    if not id_:
        return None
    vlan = call.region.networks.vlans.get(int(id_)) if id_.isdigit() else None
    if vlan is None:
        raise invalid(vlan="Select a valid choice. That choice is not one of the available choices.")
    return vlan


def _subnet(call: Call, nic: Nic, *, force: bool) -> Subnet | None:
    """The subnet that is asked for; unless forced it must be of the NIC's VLAN."""
    if not call.get("subnet"):
        return None
    wrong = invalid(subnet="Select a valid choice. That choice is not one of the available choices.")
    try:
        subnet = call.region.networks.subnet(call.get("subnet"))
    except Refusal:
        raise wrong from None
    if nic.vlan not in {None, subnet.vlan} and not force:
        raise wrong
    return subnet


def _check_mode(nic: Nic, mode: str, *, force: bool) -> None:
    if mode == "dhcp" and any(link.mode == "dhcp" for link in nic.links) and not force:
        raise invalid(mode="Interface is already set to DHCP.")
    if mode == "link_up" and any(link.mode != "link_up" for link in nic.links) and not force:
        text = "Cannot configure interface to link up (with no IP address) while other links are already configured."
        raise invalid(mode=f"{text} Specify force=True to override this behavior and delete all links.")


def _check_gateway(call: Call, mode: str, subnet: Subnet | None) -> None:
    if call.flag("default_gateway") and (mode not in {"auto", "static"} or subnet is None or not subnet.gateway):
        raise invalid(default_gateway="Cannot set as default gateway: no address or no gateway.")


def _address(call: Call, machine: Machine, subnet: Subnet) -> str:
    taken = _taken(call.region) - (machine.addresses() if call.flag("force") else set())
    asked = call.get("ip_address")
    if not asked:
        return free_address(subnet, taken)
    try:
        address = ipaddress.ip_address(asked)
    except ValueError:
        raise invalid(ip_address="Enter a valid IPv4 or IPv6 address.") from None
    if address not in subnet.network:
        raise invalid(ip_address=f"IP address is not in the given subnet '{subnet.name} ({subnet.network})'.")
    if str(address) in taken:
        raise refused(HTTPStatus.NOT_FOUND, "IP address is already in use.")
    return str(address)


def _taken(region: Region) -> set[str]:
    return {address for machine in region.machines.values() for address in machine.addresses()}
