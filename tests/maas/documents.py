"""A machine as the API tells it, with all keys of MAAS 3.7.3 (`contract.json` names them)."""

import uuid

from tests.maas.answers import Document, encoded
from tests.maas.machine import Link, Machine, Nic, Place
from tests.maas.network import subnet_document, vlan_document
from tests.maas.status import NAMES, NodeStatus

_UNTESTED, _PASSED = -1, 2
_HARDWARE = [
    "system_vendor",
    "system_product",
    "system_family",
    "system_version",
    "system_sku",
    "system_serial",
    "cpu_model",
    "mainboard_vendor",
    "mainboard_product",
    "mainboard_serial",
    "mainboard_version",
    "mainboard_firmware_vendor",
    "mainboard_firmware_date",
    "mainboard_firmware_version",
    "chassis_vendor",
    "chassis_type",
    "chassis_serial",
    "chassis_version",
]
_DOMAIN = {
    "authoritative": True,
    "ttl": None,
    "resource_record_count": 0,
    "is_default": True,
    "name": "maas",
    "id": 0,
    "resource_uri": "/MAAS/api/2.0/domains/0/",
}
_MIB = 2**20


def machine_json(machine: Machine) -> bytes:
    """The machine, encoded once for as long as it does not change."""
    version = machine.version
    if machine.encoded is None or machine.encoded[0] != version:
        machine.encoded = version, encoded(machine_document(machine))
    return machine.encoded[1]


def machine_document(machine: Machine) -> Document:
    disk = _disk(machine)
    nics = [nic_document(machine, nic) for nic in machine.nics]
    return {
        **_identity(machine),
        **_state(machine),
        **_tests(machine),
        **_deployment(machine),
        "architecture": machine.architecture,
        "cpu_count": machine.cpu_count,
        "cpu_speed": 3000,
        "memory": machine.memory_mib,
        "storage": machine.storage_bytes / 1_000_000,
        "hardware_info": dict.fromkeys(_HARDWARE, "Unknown") | dict(machine.hardware),
        "numanode_set": [
            {"index": 0, "memory": machine.memory_mib, "cores": list(range(machine.cpu_count)), "hugepages_set": []}
        ],
        "boot_interface": nics[machine.boot_index],
        "interface_set": nics,
        "default_gateways": {
            "ipv4": _gateway(machine),
            "ipv6": {"gateway_ip": None, "link_id": None},
        },
        "boot_disk": disk,
        "blockdevice_set": [disk],
        "physicalblockdevice_set": [disk],
        "virtualblockdevice_set": [],
        **dict.fromkeys(("volume_groups", "raids", "bcaches", "cache_sets", "special_filesystems"), ()),
    }


def _identity(machine: Machine) -> Document:
    return {
        "system_id": machine.system_id,
        "hostname": machine.hostname,
        "fqdn": f"{machine.hostname}.maas",
        "domain": _DOMAIN,
        "description": machine.description,
        "hardware_uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, machine.system_id)),
        "zone": zone_document(machine.zone),
        "pool": pool_document(machine.pool),
        "tag_names": sorted(machine.tags),
        "node_type": 0,
        "node_type_name": "Machine",
        "parent": None,
        "pod": None,
        "virtualmachine_id": None,
        "is_dpu": False,
        "disable_ipv4": False,
        "address_ttl": None,
        "resource_uri": f"/MAAS/api/2.0/machines/{machine.system_id}/",
    }


def _state(machine: Machine) -> Document:
    return {
        "status": machine.status,
        "status_name": NAMES[machine.status],
        "status_message": machine.status_message,
        "status_action": None if machine.status_message is None else "",
        "error_description": machine.error_description,
        "owner": machine.owner,
        "owner_data": {},
        "workload_annotations": {},
        "locked": machine.locked,
        "power_type": "ipmi",
        "power_state": machine.power,
    }


def _tests(machine: Machine) -> Document:
    tested = {NodeStatus.TESTING: (1, "Running"), NodeStatus.FAILED_TESTING: (3, "Failed")}
    commissioned = {NodeStatus.COMMISSIONING: (1, "Running"), NodeStatus.FAILED_COMMISSIONING: (3, "Failed")}
    statuses = dict.fromkeys(("cpu", "memory", "network", "storage", "interface", "other"), (_UNTESTED, "Unknown"))
    found: Document = {}
    for name, (status, status_name) in statuses.items():
        found |= {f"{name}_test_status": status, f"{name}_test_status_name": status_name}
    found["testing_status"], found["testing_status_name"] = tested.get(machine.status, (_PASSED, "Passed"))
    found["commissioning_status"], found["commissioning_status_name"] = commissioned.get(
        machine.status, (_PASSED, "Passed")
    )
    return found


def _deployment(machine: Machine) -> Document:
    first = 3 * machine.number
    return {
        "osystem": machine.osystem,
        "distro_series": machine.distro_series,
        "hwe_kernel": machine.hwe_kernel,
        "min_hwe_kernel": None,
        "netboot": machine.netboot,
        "bios_boot_method": None,
        "swap_size": None,
        "ephemeral_deploy": False,
        "enable_hw_sync": False,
        "enable_kernel_crash_dump": False,
        "last_sync": None,
        "next_sync": None,
        "sync_interval": None,
        "current_commissioning_result_id": first,
        "current_testing_result_id": first + 1,
        "current_installation_result_id": machine.installation.set_id if machine.installation else first + 2,
    }


def _gateway(machine: Machine) -> Document:
    gateways = {link.id: link.subnet.gateway for nic in machine.nics for link in nic.links if link.subnet}
    if machine.gateway_link in gateways:
        return {"gateway_ip": gateways[machine.gateway_link], "link_id": machine.gateway_link}
    return {"gateway_ip": next(iter(gateways.values()), None), "link_id": None}


def _disk(machine: Machine) -> Document:
    uri = f"/MAAS/api/2.0/nodes/{machine.system_id}/blockdevices/{machine.number}/"
    root = {
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"root.{machine.system_id}")),
        "size": machine.storage_bytes - 5 * _MIB,
        "bootable": True,
        "tags": [],
        "path": "/dev/disk/by-dname/sda-part1",
        "type": "partition",
        "used_for": "ext4 formatted filesystem mounted at /",
        "filesystem": {
            "fstype": "ext4",
            "label": None,
            "uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"filesystem.{machine.system_id}")),
            "mount_point": "/",
            "mount_options": "",
        },
        "system_id": machine.system_id,
        "device_id": machine.number,
        "id": machine.number,
        "resource_uri": f"{uri}partition/{machine.number}",
    }
    return {
        "id": machine.number,
        "name": "sda",
        "path": "/dev/disk/by-dname/sda",
        "id_path": None,
        "serial": f"S{machine.number:08}",
        "model": "SSD",
        "firmware_version": "1.0",
        "type": "physical",
        "size": machine.storage_bytes,
        "block_size": 512,
        "used_size": machine.storage_bytes,
        "available_size": 0,
        "used_for": "GPT partitioned with 1 partition",
        "partition_table_type": "GPT",
        "partitions": [root],
        "filesystem": None,
        "storage_pool": None,
        "tags": ["ssd"],
        "numa_node": 0,
        "uuid": None,
        "system_id": machine.system_id,
        "resource_uri": uri,
    }


def nic_document(machine: Machine, nic: Nic) -> Document:
    physical = nic.parent is None
    speed = nic.speed_mbit if physical else 0
    return {
        "id": nic.id,
        "name": nic.name,
        "type": "physical" if physical else "vlan",
        "mac_address": nic.mac,
        "vlan": vlan_document(nic.vlan) if nic.vlan else None,
        "links": [_link_document(link) for link in nic.links],
        "tags": list(nic.tags),
        "enabled": True,
        "link_connected": True,
        "link_speed": speed,
        "interface_speed": speed,
        "effective_mtu": nic.vlan.mtu if nic.vlan else 1500,
        "parents": [one.name for one in machine.nics if one.id == nic.parent],
        "children": [one.name for one in machine.nics if one.parent == nic.id],
        "discovered": [],
        "params": "" if physical else {},
        "vendor": "Simulated" if physical else None,
        "product": "NIC" if physical else None,
        "firmware_version": None,
        "numa_node": 0 if physical else None,
        "sriov_max_vf": 0,
        "system_id": machine.system_id,
        "resource_uri": f"/MAAS/api/2.0/nodes/{machine.system_id}/interfaces/{nic.id}/",
    }


def _link_document(link: Link) -> Document:
    document: Document = {"id": link.id, "mode": link.mode}
    if link.address:
        document["ip_address"] = link.address
    if link.subnet:
        document["subnet"] = subnet_document(link.subnet)
    return document


def zone_document(zone: Place) -> Document:
    return _place(zone, f"/MAAS/api/2.0/zones/{zone.name}/")


def pool_document(pool: Place) -> Document:
    return _place(pool, f"/MAAS/api/2.0/resourcepool/{pool.id}/")


def _place(place: Place, uri: str) -> Document:
    return {"name": place.name, "description": place.description, "id": place.id, "resource_uri": uri}
