"""The service's root, its two OData documents, and the inventory of firmware (DSP0266, sections 6.3 and 8.4)."""

from http import HTTPStatus

from bmprov.sim.facts import MachineFacts
from bmprov.sim.redfish.manager import FIRMWARE, MANAGER
from bmprov.sim.redfish.message import Answer, Document, Request, refusal
from bmprov.sim.redfish.resource import ROOT, Resource, Tree, collection, fixed, link, odata
from bmprov.sim.redfish.sessions import SERVICE, SESSIONS
from bmprov.sim.redfish.system import SYSTEM

_UPDATE = f"{ROOT}/UpdateService"
_INVENTORY = f"{_UPDATE}/FirmwareInventory"
_SIMPLE_UPDATE = f"{_UPDATE}/Actions/UpdateService.SimpleUpdate"
METADATA = f"{ROOT}/$metadata"
_ANYBODY = frozenset({"GET", "HEAD"})
_PARTS = ("Systems", "Chassis", "Managers", "AccountService", "UpdateService")
_SCHEMAS = (
    "ServiceRoot.v1_17_0",
    "AccountService.v1_15_0",
    "ManagerAccountCollection",
    "ManagerAccount.v1_12_0",
    "RoleCollection",
    "Role.v1_3_1",
    "SessionService.v1_1_9",
    "SessionCollection",
    "Session.v1_7_1",
    "ComputerSystemCollection",
    "ComputerSystem.v1_22_0",
    "EthernetInterfaceCollection",
    "EthernetInterface.v1_12_0",
    "ChassisCollection",
    "Chassis.v1_25_0",
    "Thermal.v1_7_3",
    "Power.v1_7_3",
    "ManagerCollection",
    "Manager.v1_19_0",
    "ManagerNetworkProtocol.v1_10_0",
    "LogServiceCollection",
    "LogService.v1_7_0",
    "LogEntryCollection",
    "LogEntry.v1_17_0",
    "VirtualMediaCollection",
    "VirtualMedia.v1_6_3",
    "UpdateService.v1_14_0",
    "SoftwareInventoryCollection",
    "SoftwareInventory.v1_10_2",
    "Message.v1_2_0",
)


def service_tree(facts: MachineFacts) -> Tree:
    """What everybody may read before logging in, and the inventory."""
    firmware = _firmware()
    documents = {
        _UPDATE: _update(),
        _INVENTORY: collection(_INVENTORY, "SoftwareInventory", "Firmware Inventory", list(firmware)),
        **firmware,
    }
    public = {"/redfish": {"v1": f"{ROOT}/"}, ROOT: _root(facts), f"{ROOT}/odata": _odata()}
    return {
        **{path: fixed(document) for path, document in documents.items()},
        **{path: Resource(lambda told=document: told, public=_ANYBODY) for path, document in public.items()},  # type: ignore[misc] # a default binds the loop's document
        _SIMPLE_UPDATE: Resource(post=_no_update),
        METADATA: Resource(dict, public=_ANYBODY),
    }


def metadata() -> Answer:
    """The service's metadata document, which is XML (OData CSDL 4.0)."""
    includes = "".join(_reference(kind) for kind in _SCHEMAS)
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">{includes}'
        '<edmx:DataServices><Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">'
        '<EntityContainer Name="Service" Extends="ServiceRoot.v1_17_0.ServiceContainer"/>'
        "</Schema></edmx:DataServices></edmx:Edmx>\n"
    )
    return Answer(HTTPStatus.OK, body.encode(), {"Content-Type": "application/xml; charset=utf-8"})


def _reference(kind: str) -> str:
    schema = kind.partition(".")[0]
    names = [schema, kind] if kind != schema else [kind]
    included = "".join(f'<edmx:Include Namespace="{name}"/>' for name in names)
    return f'<edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/{schema}_v1.xml">{included}</edmx:Reference>'


def _root(facts: MachineFacts) -> Document:
    told = odata(f"{ROOT}/", "ServiceRoot.v1_17_0", "Root Service") | {
        "Id": "RootService",
        "RedfishVersion": "1.20.0",
        "UUID": facts.bmc_uuid,
        "Vendor": "bmprov",
        "Product": "Simulated BMC",
        "ProtocolFeaturesSupported": {
            "ExcerptQuery": False,
            "FilterQuery": False,
            "SelectQuery": False,
            "OnlyMemberQuery": False,
            "ExpandQuery": {"ExpandAll": False, "Levels": False, "Links": False, "NoLinks": False},
        },
        "SessionService": link(SERVICE),
        "Links": {"Sessions": link(SESSIONS), "ManagerProvidingService": link(MANAGER)},
    }
    return told | {name: link(f"{ROOT}/{name}") for name in _PARTS}


def _odata() -> Document:
    parts = {"Service": f"{ROOT}/", "Sessions": SESSIONS, **{name: f"{ROOT}/{name}" for name in _PARTS}}
    value = [{"name": name, "kind": "Singleton", "url": url} for name, url in parts.items()]
    return {"@odata.context": METADATA, "value": value}


def _update() -> Document:
    return odata(_UPDATE, "UpdateService.v1_14_0", "Update Service") | {
        "ServiceEnabled": False,
        "Status": {"State": "Disabled", "Health": "OK"},
        "FirmwareInventory": link(_INVENTORY),
        "Actions": {"#UpdateService.SimpleUpdate": {"target": _SIMPLE_UPDATE}},
    }


def _no_update(_request: Request) -> Answer:
    """The schema wants the action to be there; this service is disabled, and says so."""
    raise refusal(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceDisabled", _UPDATE)


def _firmware() -> dict[str, Document]:
    parts = {"BMC": (FIRMWARE, MANAGER), "BIOS": ("1.0", SYSTEM)}
    return {f"{_INVENTORY}/{name}": _software(name, version, of) for name, (version, of) in parts.items()}


def _software(name: str, version: str, of: str) -> Document:
    return odata(f"{_INVENTORY}/{name}", "SoftwareInventory.v1_10_2", f"{name} firmware") | {
        "Version": version,
        "Updateable": False,
        "Status": {"State": "Enabled", "Health": "OK"},
        "RelatedItem": [link(of)],
    }
