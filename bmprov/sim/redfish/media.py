"""The virtual CD of a machine (schema VirtualMedia). What is inserted is fetched by the firmware that boots from it."""

from http import HTTPStatus
from urllib.parse import urlsplit

from bmprov.sim.chassis import Chassis
from bmprov.sim.redfish.event_log import EventLog
from bmprov.sim.redfish.faults import RedfishFaults
from bmprov.sim.redfish.message import Answer, Document, Request, parse, refusal
from bmprov.sim.redfish.resource import ROOT, Resource, Tree, collection, fixed, odata

MEDIA = f"{ROOT}/Systems/1/VirtualMedia"
_CD = f"{MEDIA}/Cd"
_INSERT, _EJECT = (f"{_CD}/Actions/VirtualMedia.{action}" for action in ("InsertMedia", "EjectMedia"))
_OPTIONAL: dict[str, type] = {
    "Inserted": bool,
    "WriteProtected": bool,
    "TransferMethod": str,
    "TransferProtocolType": str,
    "UserName": str,
    "Password": str,
}


class VirtualMedia:
    """The virtual CD as Redfish tells it. `chassis` is seen through the BMC's faults."""

    def __init__(self, chassis: Chassis, faults: RedfishFaults, log: EventLog) -> None:
        self._drive = chassis.drive
        self._faults = faults
        self._log = log

    def tree(self) -> Tree:
        """The resources of the virtual CD."""
        return {
            MEDIA: fixed(collection(MEDIA, "VirtualMedia", "Virtual Media", [_CD])),
            _CD: Resource(self._document),
            _INSERT: Resource(post=self._insert),
            _EJECT: Resource(post=self._eject),
        }

    def _document(self) -> Document:
        image = self._drive.image
        return odata(_CD, "VirtualMedia.v1_6_3", "Virtual CD") | {
            "MediaTypes": ["CD", "DVD"],
            "Image": image or None,
            "ImageName": urlsplit(image).path.rpartition("/")[2] or None,
            "Inserted": bool(image),
            "WriteProtected": True,
            "ConnectedVia": "URI" if image else "NotConnected",
            "Actions": {
                "#VirtualMedia.InsertMedia": {"target": _INSERT},
                "#VirtualMedia.EjectMedia": {"target": _EJECT},
            },
        }

    def _insert(self, request: Request) -> Answer:
        image = _image(parse(request))
        if self._faults.refuses_media:
            raise refusal(HTTPStatus.BAD_REQUEST, "ActionParameterValueFormatError", image, "Image", "InsertMedia")
        if self._drive.image:
            raise refusal(HTTPStatus.CONFLICT, "ResourceInUse")
        if not self._faults.drops_media:
            self._drive.image = image
            self._log.note("Virtual media inserted")
        return Answer(HTTPStatus.NO_CONTENT)

    def _eject(self, _request: Request) -> Answer:
        self._drive.image = ""
        self._log.note("Virtual media ejected")
        return Answer(HTTPStatus.NO_CONTENT)


def _image(sent: Document) -> str:
    """The address in the parameters of an insertion."""
    action = "InsertMedia"
    for name, value in sent.items():
        kind = str if name == "Image" else _OPTIONAL.get(name)
        if kind is None:
            raise refusal(HTTPStatus.BAD_REQUEST, "ActionParameterUnknown", action, name)
        if not isinstance(value, kind):
            raise refusal(HTTPStatus.BAD_REQUEST, "ActionParameterValueFormatError", str(value), name, action)
    if not sent.get("Image"):
        raise refusal(HTTPStatus.BAD_REQUEST, "ActionParameterMissing", action, "Image")
    return str(sent["Image"])
