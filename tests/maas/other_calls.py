"""The operations on all else: networks, places, tags, users, events, results of scripts, the version."""

import base64
from urllib.parse import urlencode

from tests.maas.answers import Answer, Document, bad_request, invalid, missing, told
from tests.maas.call import Call
from tests.maas.documents import machine_json, pool_document, zone_document
from tests.maas.events import LEVELS, Event
from tests.maas.machine import Machine, ScriptResult
from tests.maas.network import fabric_document, subnet_document, vlan_document

VERSION = "3.7.3"
_CAPABILITIES = [
    "networks-management",
    "static-ipaddresses",
    "ipv6-deployment-ubuntu",
    "devices-management",
    "storage-deployment-ubuntu",
    "network-deployment-ubuntu",
    "bridging-interface-ubuntu",
    "bridging-automatic-ubuntu",
    "authenticate-api",
]
_MOST_EVENTS = 1000
_DATE = "%a, %d %b. %Y %H:%M:%S"
_SCRIPT_STATUS = {0: "Pending", 1: "Running", 2: "Passed", 3: "Failed", 4: "Timed out", 5: "Aborted"}
_KINDS = {"commissioning": 0, "installation": 1, "testing": 2, "release": 3}


def version(_call: Call) -> Answer:
    return told({"capabilities": _CAPABILITIES, "version": VERSION, "subversion": ""})


def whoami(call: Call) -> Answer:
    name = call.user.name
    return told(
        {
            "username": name,
            "email": f"{name}@example.com",
            "is_local": True,
            "is_superuser": call.user.is_admin,
            "resource_uri": f"/MAAS/api/2.0/users/{name}/",
        }
    )


def list_ssh_keys(call: Call) -> Answer:
    keys = call.region.ssh_keys.get(call.user.name, [])
    uri = "/MAAS/api/2.0/account/prefs/sshkeys/"
    return told(
        [
            {"id": number, "key": key, "keysource": None, "resource_uri": f"{uri}{number}/"}
            for number, key in enumerate(keys, 1)
        ]
    )


# --- Networks ---


def list_fabrics(call: Call) -> Answer:
    networks = call.region.networks
    return told([fabric_document(fabric, networks) for fabric in networks.fabrics.values()])


def read_fabric(call: Call) -> Answer:
    networks = call.region.networks
    return told(fabric_document(networks.fabric(call.path["id"]), networks))


def list_vlans(call: Call) -> Answer:
    networks = call.region.networks
    fabric = networks.fabric(call.path["fabric_id"])
    return told([vlan_document(vlan) for vlan in networks.vlans.values() if vlan.fabric == fabric])


def create_vlan(call: Call) -> Answer:
    call.administer()
    networks = call.region.networks
    if not call.get("vid"):
        raise invalid(vid="This field is required.")
    fabric = networks.fabric(call.path["fabric_id"])
    vlan = networks.add_vlan(
        fabric, call.number("vid"), call.get("name"), mtu=call.number("mtu", 1500), space=call.get("space")
    )
    return told(vlan_document(vlan))


def read_vlan(call: Call) -> Answer:
    networks = call.region.networks
    return told(vlan_document(networks.vlan(networks.fabric(call.path["fabric_id"]), call.path["vid"])))


def list_subnets(call: Call) -> Answer:
    return told([subnet_document(subnet) for subnet in call.region.networks.subnets.values()])


def create_subnet(call: Call) -> Answer:
    call.administer()
    networks, number = call.region.networks, call.get("vlan")
    vlan = networks.vlans.get(int(number)) if number.isdigit() else None
    if vlan is None:
        raise invalid(vlan="Select a valid choice. That choice is not one of the available choices.")
    servers = tuple(call.get("dns_servers").replace(",", " ").split())
    cidr, gateway = call.get("cidr"), call.get("gateway_ip")
    return told(subnet_document(networks.new_subnet(vlan, cidr, call.get("name"), gateway=gateway, servers=servers)))


def read_subnet(call: Call) -> Answer:
    return told(subnet_document(call.region.networks.subnet(call.path["id"])))


# --- Places and tags ---


def list_zones(call: Call) -> Answer:
    return told([zone_document(zone) for zone in call.region.zones.values()])


def list_pools(call: Call) -> Answer:
    return told([pool_document(pool) for pool in call.region.pools.values()])


def list_tags(call: Call) -> Answer:
    return told([_tag(name, comment) for name, comment in call.region.tags.items()])


def create_tag(call: Call) -> Answer:
    call.administer()
    name = call.get("name")
    if not name or name in call.region.tags:
        raise invalid(name="Tag with this Name already exists." if name else "This field is required.")
    call.region.tags[name] = call.get("comment")
    return told(_tag(name, call.get("comment")))


def tagged_machines(call: Call) -> Answer:
    name = call.path["name"]
    if name not in call.region.tags:
        raise missing("Tag")
    return Answer(b"[" + b",".join(machine_json(one) for one in call.visible() if name in one.tags) + b"]")


def _tag(name: str, comment: str) -> Document:
    uri = f"/MAAS/api/2.0/tags/{name}/"
    return {"name": name, "definition": "", "comment": comment, "kernel_opts": "", "resource_uri": uri}


# --- Events and results ---


def query_events(call: Call) -> Answer:
    """Newest first; a page is what is before an event or after one."""
    before, after, limit = call.number("before"), call.number("after"), max(1, call.number("limit", 100))
    if limit > _MOST_EVENTS:
        raise bad_request(f"Requested number of events {limit} is greater than limit: {_MOST_EVENTS}")
    if before and after:
        raise bad_request("There is undetermined behaviour when both `after` and `before` are specified.")
    level = call.get("level", "INFO")
    if level not in LEVELS:
        raise bad_request(f"Unrecognised log level: {level}")
    machines = {machine.system_id for machine in call.visible() if _event_wanted(call, machine)}
    found = [
        event
        for event in call.region.log.events[after : before - 1 if before else None]
        if event.machine.system_id in machines and event.type.level >= LEVELS[level]
    ]
    page = found[:limit] if after else found[-limit:]
    page.reverse()
    return told({"count": len(page), "events": [event.document() for event in page], **_pages(call, page)})


def _event_wanted(call: Call, machine: Machine) -> bool:
    had = {
        "id": {machine.system_id},
        "hostname": {machine.hostname},
        "mac_address": {nic.mac for nic in machine.nics},
        "zone": {machine.zone.name},
        "agent_name": {machine.agent_name},
    }
    return all(not call.all(name) or had[name] & set(call.all(name)) for name in had)


def _pages(call: Call, page: list[Event]) -> Document:
    said = [(name, value) for name, value in call.query if name not in {"before", "after"}]
    newest = [("after", page[0].id)] if page else []
    uri = "/MAAS/api/2.0/events/?"
    return {
        "next_uri": uri + urlencode([*said, *newest]),
        "prev_uri": uri + urlencode([*said, ("before", page[-1].id)]) if page else None,
    }


def list_results(call: Call) -> Answer:
    machine, kind = call.machine(), call.get("type")
    if kind and kind not in _KINDS:
        raise bad_request("Result type must be one of: commissioning, installation, release, testing.")
    results = [machine.installation] if machine.installation else []
    return told([_set(call, one) for one in results if not kind or one.kind == _KINDS[kind]])


def read_result(call: Call) -> Answer:
    machine, id_ = call.machine(), call.path["id"]
    result = machine.installation
    if id_ == "current-installation" and result is None:
        raise bad_request("No current installation script set exists for this node.")
    if result is None or id_ not in {"current-installation", str(result.set_id)}:
        raise missing("ScriptSet")
    return told(_set(call, result))


def _set(call: Call, result: ScriptResult) -> Document:
    started, ended = result.started.strftime(_DATE), result.ended.strftime(_DATE) if result.ended else None
    seconds = (result.ended - result.started).seconds if result.ended else 0
    times = {
        "status": result.status,
        "status_name": _SCRIPT_STATUS[result.status],
        "started": started,
        "ended": ended,
        "runtime": f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}" if ended else "",
        "suppressed": False,
    }
    single: Document = {
        **times,
        "id": result.id,
        "created": started,
        "updated": ended or started,
        "name": result.name,
        "exit_status": result.exit_status,
        "starttime": result.started.timestamp(),
        "endtime": result.ended.timestamp() if result.ended else None,
        "estimated_runtime": "Unknown",
        "parameters": {},
        "script_id": None,
        "script_revision_id": None,
    }
    if call.get("include_output"):
        output = base64.b64encode(result.output.encode()).decode()
        single |= {"output": output, "stdout": output, "stderr": "", "result": ""}
    machine = call.machine()
    return {
        **times,
        "id": result.set_id,
        "system_id": machine.system_id,
        "type": result.kind,
        "type_name": "Installation",
        "last_ping": ended,
        "results": [single],
        "resource_uri": f"/MAAS/api/2.0/nodes/{machine.system_id}/results/{result.set_id}/",
    }
