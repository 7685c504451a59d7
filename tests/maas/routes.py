"""Every resource and operation that the region serves, named as in the description of MAAS 3.7.3."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property

from tests.maas import interface_calls as interfaces
from tests.maas import machine_calls as machines
from tests.maas import other_calls as others
from tests.maas.answers import Answer
from tests.maas.call import Call
from tests.maas.constraints import CONSTRAINTS, FILTERS

Act = Callable[[Call], Answer | Awaitable[Answer]]
API = "/MAAS/api/2.0/"


@dataclass(frozen=True)
class Action:
    """One operation: `op` is None for what the method alone means (`read`, `create`, `update`, `delete`)."""

    name: str
    method: str
    act: Act
    doc: str
    parameters: tuple[str, ...] = ()

    @property
    def op(self) -> str | None:
        return None if self.name in {"read", "create", "update", "delete"} else self.name


@dataclass(frozen=True)
class Resource:
    """A kind of address, of the operations on it, and who is let in without a key.

    `anonymous` is empty for nobody, `all`, or `no operation`: where MAAS has a handler for anonymous calls without the
    operation, it says that it does not know it, and not that a key is missing.
    """

    name: str
    path: str
    doc: str
    actions: tuple[Action, ...]
    anonymous: str = ""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", API + self.path))

    @property
    def variables(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    def action(self, method: str, op: str | None) -> Action | None:
        return next((one for one in self.actions if (one.method, one.op) == (method, op)), None)


def _read(act: Act, doc: str, *parameters: str) -> Action:
    return Action("read", "GET", act, doc, parameters)


def _get(name: str, act: Act, doc: str, *parameters: str) -> Action:
    return Action(name, "GET", act, doc, parameters)


def _post(name: str, act: Act, doc: str, *parameters: str) -> Action:
    return Action(name, "POST", act, doc, parameters)


_MACHINE = (
    _read(machines.read, "A machine."),
    Action("update", "PUT", machines.update, "Change it.", ("hostname", "description", "pool", "zone")),
    Action("delete", "DELETE", machines.delete, "Delete it."),
    _post(
        "deploy",
        machines.deploy,
        "Install a system on it.",
        "user_data",
        "distro_series",
        "hwe_kernel",
        "agent_name",
        "comment",
    ),
    _post("release", machines.release, "Give it back.", "comment", "erase", "secure_erase", "quick_erase", "force"),
    _post("power_on", machines.power_on, "Switch it on, or deploy it.", "user_data", "comment"),
    _post("power_off", machines.power_off, "Switch it off.", "stop_mode", "comment"),
    _get("query_power_state", machines.query_power_state, "Ask its BMC.", "system_id"),
    _post("abort", machines.abort, "Stop what is under way.", "comment"),
    _post("mark_broken", machines.mark_broken, "Take it out of use.", "comment"),
    _post("mark_fixed", machines.mark_fixed, "Take it into use again.", "comment"),
    _post("lock", machines.lock, "Forbid changes.", "comment"),
    _post("unlock", machines.unlock, "Permit changes.", "comment"),
    _post("rescue_mode", machines.rescue_mode, "Boot it into rescue mode."),
    _post("exit_rescue_mode", machines.exit_rescue_mode, "Leave rescue mode."),
)
_LINK = ("mode", "subnet", "ip_address", "force", "default_gateway")
_INTERFACE = (
    _read(interfaces.read, "A NIC."),
    Action("update", "PUT", interfaces.update, "Change it.", ("name", "mac_address", "tags", "vlan")),
    Action("delete", "DELETE", interfaces.delete, "Delete it."),
    _post("link_subnet", interfaces.link_subnet, "Put it on a subnet.", *_LINK),
    _post("unlink_subnet", interfaces.unlink_subnet, "Take it off a subnet.", "id"),
    _post("disconnect", interfaces.disconnect, "Take it off its VLAN."),
)
_EVENTS = ["hostname", "mac_address", "id", "zone", "agent_name", "level", "limit", "before", "after"]
_ALLOCATE = [*CONSTRAINTS, "interfaces", "agent_name", "comment", "dry_run", "verbose"]
_SUBNET = ("cidr", "name", "vlan", "gateway_ip", "dns_servers")

RESOURCES = (
    Resource("Version", "version/", "The version.", (_read(others.version, "The version."),), anonymous="all"),
    Resource("Users", "users/", "Users.", (_get("whoami", others.whoami, "Whose key this is."),)),
    Resource("SSHKeys", "account/prefs/sshkeys/", "One's SSH keys.", (_read(others.list_ssh_keys, "All one's own."),)),
    Resource(
        "Machines",
        "machines/",
        "All machines.",
        (
            _read(machines.list_machines, "The machines that the filters mean.", *FILTERS),
            _post("allocate", machines.allocate, "Take a machine that is Ready.", *_ALLOCATE),
            _get("list_allocated", machines.list_allocated, "One's own allocated machines."),
        ),
        anonymous="no operation",
    ),
    Resource("Machine", "machines/{system_id}/", "A machine.", _MACHINE),
    Resource(
        "Interfaces",
        "nodes/{system_id}/interfaces/",
        "A machine's NICs.",
        (
            _read(interfaces.list_interfaces, "All its NICs."),
            _post("create_vlan", interfaces.create_vlan, "Put a VLAN on a NIC.", "parent", "vlan", "tags"),
        ),
    ),
    Resource("Interface", "nodes/{system_id}/interfaces/{id}/", "A NIC.", _INTERFACE),
    Resource(
        "NodeScriptResults",
        "nodes/{system_id}/results/",
        "Results of scripts.",
        (_read(others.list_results, "All of a machine.", "type", "include_output"),),
    ),
    Resource(
        "NodeScriptResult",
        "nodes/{system_id}/results/{id}/",
        "A result.",
        (_read(others.read_result, "One of a machine.", "include_output"),),
    ),
    Resource("Fabrics", "fabrics/", "Fabrics.", (_read(others.list_fabrics, "All fabrics."),)),
    Resource("Fabric", "fabrics/{id}/", "A fabric.", (_read(others.read_fabric, "A fabric."),)),
    Resource(
        "Vlans",
        "fabrics/{fabric_id}/vlans/",
        "VLANs of a fabric.",
        (
            _read(others.list_vlans, "All of a fabric."),
            Action("create", "POST", others.create_vlan, "Add one.", ("vid", "name", "mtu", "space")),
        ),
    ),
    Resource("Vlan", "fabrics/{fabric_id}/vlans/{vid}/", "A VLAN.", (_read(others.read_vlan, "A VLAN."),)),
    Resource(
        "Subnets",
        "subnets/",
        "Subnets.",
        (
            _read(others.list_subnets, "All subnets."),
            Action("create", "POST", others.create_subnet, "Add one.", _SUBNET),
        ),
    ),
    Resource("Subnet", "subnets/{id}/", "A subnet.", (_read(others.read_subnet, "A subnet."),)),
    Resource("Zones", "zones/", "Zones.", (_read(others.list_zones, "All zones."),)),
    Resource("ResourcePools", "resourcepools/", "Pools.", (_read(others.list_pools, "All pools."),)),
    Resource(
        "Tags",
        "tags/",
        "Tags.",
        (
            _read(others.list_tags, "All tags."),
            Action("create", "POST", others.create_tag, "Add one.", ("name", "comment")),
        ),
    ),
    Resource(
        "Tag",
        "tags/{name}/",
        "A tag.",
        (_get("machines", others.tagged_machines, "The machines that have it."),),
    ),
    Resource("Events", "events/", "Events.", (_get("query", others.query_events, "A page of them.", *_EVENTS),)),
)


def find(path: str) -> tuple[Resource, dict[str, str]] | None:
    """The resource at a path, and the variables in it."""
    for resource in RESOURCES:
        if found := resource.pattern.fullmatch(path):
            return resource, found.groupdict()
    return None
