"""What MAAS tells, as our records. It follows the objects of MAAS 3.7.3; what they have besides is passed over.

Every reader takes JSON and raises `Odd` for what MAAS would not send.
"""

import re
from datetime import UTC, datetime

from bmprov.maas import (
    MaasEvent,
    MaasFabric,
    MaasLink,
    MaasMachine,
    MaasNic,
    MaasSubnet,
    MaasUser,
    MaasVlan,
    MaasVlanNic,
    NodeStatus,
)
from bmprov.model import Arch
from bmprov.power import Power
from worker.maas.facts import Facts, Odd, objects

_ARCHS = {"amd64": Arch.X86_64, "arm64": Arch.AARCH64}
_POWERS = {"on": Power.ON, "off": Power.OFF}
_SYSTEM_ID = re.compile(r"[A-Za-z0-9_-]{1,41}")
_DATE = "%a, %d %b. %Y %H:%M:%S"
_UNKNOWN = "Unknown"
_FAILED = 3  # ScriptStatus.FAILED of MAAS
_GIB = 2**30
_MB = 10**6


def machine(told: object) -> MaasMachine:
    """A machine."""
    return _machine(Facts(told, "the machine"))


def machines(told: object) -> list[MaasMachine]:
    """A list of machines."""
    return [_machine(one) for one in objects(told, "the list of machines")]


def nic(told: object) -> MaasNic:
    """A NIC."""
    return _nic(Facts(told, "the NIC"))


def vlan_nic(told: object) -> MaasVlanNic:
    """A VLAN interface."""
    return _vlan_nic(Facts(told, "the VLAN interface"))


def vlan(told: object) -> MaasVlan:
    """A VLAN."""
    return _vlan(Facts(told, "the VLAN"))


def vlans(told: object) -> list[MaasVlan]:
    """A list of VLANs."""
    return [_vlan(one) for one in objects(told, "the list of VLANs")]


def fabrics(told: object) -> list[MaasFabric]:
    """A list of fabrics."""
    return [
        MaasFabric(one.number("id"), one.name("name"), tuple(_vlan(each) for each in one.members("vlans")))
        for one in objects(told, "the list of fabrics")
    ]


def subnet(told: object) -> MaasSubnet:
    """A subnet."""
    return _subnet(Facts(told, "the subnet"))


def subnets(told: object) -> list[MaasSubnet]:
    """A list of subnets."""
    return [_subnet(one) for one in objects(told, "the list of subnets")]


def power(told: object) -> Power:
    """What a BMC said; `unknown` and `error` are both unknown."""
    return _POWERS.get(Facts(told, "the power state").name("state"), Power.UNKNOWN)


def version(told: object) -> str:
    """The version, such as `3.7.3`."""
    return Facts(told, "the version").name("version")


def user(told: object) -> MaasUser:
    """Whose key it is."""
    facts = Facts(told, "the user")
    return MaasUser(facts.name("username"), facts.flag("is_superuser"))


def events(told: object) -> list[MaasEvent]:
    """A page of events, as they come: newest first."""
    return [
        MaasEvent(_at(one.text("created")), one.text("level"), ": ".join(filter(None, (one.text("type"), more))))
        for one in Facts(told, "the events").members("events")
        for more in [one.text("description")]
    ]


def output(told: object) -> str:
    """What the scripts that failed wrote, in their order; if none failed, what all wrote."""
    results = Facts(told, "the results").members("results")
    failed = [one for one in results if one.number_or_none("status") == _FAILED]
    return "\n".join(filter(None, (_written(one) for one in failed or results)))


def count(told: object) -> int:
    """How many a list has."""
    return len(objects(told, "the list"))


def _machine(facts: Facts) -> MaasMachine:
    system_id = facts.name("system_id")
    if not _SYSTEM_ID.fullmatch(system_id):
        raise Odd("system_id of the machine is no system ID")
    zone, pool, hardware = (facts.inner_or_none(name) for name in ("zone", "pool", "hardware_info"))
    return MaasMachine(
        system_id=system_id,
        hostname=facts.text("hostname"),
        status=_status(facts, system_id),
        power=_POWERS.get(facts.text("power_state"), Power.UNKNOWN),
        owner=facts.text("owner"),
        arch=_ARCHS.get(facts.text("architecture").partition("/")[0]),
        cpus=facts.number_or_none("cpu_count") or 0,
        memory_mib=facts.number_or_none("memory") or 0,
        disk_gib=_disk_gib(facts),
        tags=facts.texts("tag_names"),
        zone=zone.text("name") if zone else "",
        pool=pool.text("name") if pool else "",
        nics=_nics(facts),
        vlan_nics=tuple(_vlan_nic(one) for one in facts.members("interface_set") if one.text("type") == "vlan"),
        locked=facts.flag("locked"),
        status_message=facts.text("status_message"),
        error_description=facts.text("error_description"),
        osystem=facts.text("osystem"),
        distro_series=facts.text("distro_series"),
        hardware={name: value for name, value in hardware.items() if value not in {"", _UNKNOWN}} if hardware else {},
    )


def _status(facts: Facts, system_id: str) -> NodeStatus:
    number = facts.number("status")
    try:
        return NodeStatus(number)
    except ValueError:
        raise Odd(f"the status {number} of machine {system_id} is none that MAAS 3.7 has") from None


def _disk_gib(facts: Facts) -> int:
    """Of the boot disk; of all its disks when MAAS knows no boot disk."""
    disk = facts.inner_or_none("boot_disk")
    size = disk.number_or_none("size") if disk else None
    return (size if size is not None else (facts.number_or_none("storage") or 0) * _MB) // _GIB


def _nics(facts: Facts) -> tuple[MaasNic, ...]:
    boot = facts.inner_or_none("boot_interface")
    first = boot.number("id") if boot else None
    found = [_nic(one) for one in facts.members("interface_set") if one.text("type") == "physical"]
    return tuple(sorted(found, key=lambda one: one.id != first))


def _nic(facts: Facts) -> MaasNic:
    on = facts.inner_or_none("vlan")
    return MaasNic(
        id=facts.number("id"),
        name=facts.text("name"),
        mac=facts.mac("mac_address"),
        vlan_id=on.number("id") if on else None,
        vid=on.number("vid") if on else None,
        fabric=on.text("fabric") if on else "",
        fabric_id=on.number_or_none("fabric_id") if on else None,
        tags=facts.texts("tags"),
        links=tuple(_link(one) for one in facts.members("links")),
    )


def _vlan_nic(facts: Facts) -> MaasVlanNic:
    on = facts.inner_or_none("vlan")
    return MaasVlanNic(
        id=facts.number("id"),
        name=facts.text("name"),
        parent=next(iter(facts.texts("parents")), ""),
        vlan_id=on.number("id") if on else None,
        vid=on.number("vid") if on else None,
        tags=facts.texts("tags"),
        links=tuple(_link(one) for one in facts.members("links")),
    )


def _link(facts: Facts) -> MaasLink:
    on = facts.inner_or_none("subnet")
    return MaasLink(
        id=facts.number("id"),
        mode=facts.name("mode"),
        ip_address=facts.text("ip_address"),
        subnet_id=on.number("id") if on else None,
        cidr=on.text("cidr") if on else "",
    )


def _vlan(facts: Facts) -> MaasVlan:
    return MaasVlan(
        id=facts.number("id"),
        vid=facts.number("vid"),
        fabric_id=facts.number("fabric_id"),
        fabric=facts.text("fabric"),
        name=facts.text("name"),
        dhcp_on=facts.flag("dhcp_on"),
    )


def _subnet(facts: Facts) -> MaasSubnet:
    return MaasSubnet(
        id=facts.number("id"),
        name=facts.text("name"),
        cidr=facts.name("cidr"),
        vlan=_vlan(facts.inner("vlan")),
        gateway=facts.text("gateway_ip"),
        dns_servers=facts.texts("dns_servers"),
        managed=facts.flag("managed", default=True),
    )


def _at(date: str) -> float | None:
    try:
        return datetime.strptime(date, _DATE).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _written(facts: Facts) -> str:
    return facts.encoded("output").decode(errors="replace").strip()
