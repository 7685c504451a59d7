"""What a URI of the BMC can do, and how a change of it is judged (DSP0266, sections 7 and 8)."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Union

from bmprov.sim.redfish.message import Answer, Document, Message, Refusal, Request

ROOT = "/redfish/v1"


@dataclass(frozen=True)
class Resource:
    """Something at a URI. What is None it cannot do; `member` finds what is below it and not in the tree by name."""

    read: Callable[[], Document] | None = None
    change: Callable[[Document], None] | None = None
    post: Callable[[Request], Answer] | None = None
    remove: Callable[[], None] | None = None
    member: Callable[[str], "Resource | None"] | None = None
    public: frozenset[str] = field(default_factory=frozenset)
    """Methods that need no login."""

    @property
    def methods(self) -> list[str]:
        """What may be asked of it, for the header Allow."""
        able = {"GET": self.read, "HEAD": self.read, "PATCH": self.change, "POST": self.post, "DELETE": self.remove}
        return [method for method, can in able.items() if can]


Tree = dict[str, Resource]
"""Resources by their paths."""


def odata(path: str, kind: str, name: str) -> Document:
    """How each resource begins. `kind` is its schema with its version, such as `Chassis.v1_25_0`."""
    schema = kind.partition(".")[0]
    own = path.rstrip("/").rpartition("/")[2]
    return {"@odata.id": path, "@odata.type": f"#{kind}.{schema}", "Id": own, "Name": name}


def link(path: str) -> Document:
    """A reference to another resource."""
    return {"@odata.id": path}


def collection(path: str, kind: str, name: str, members: list[str]) -> Document:
    """A collection of resources; `kind` is what it holds."""
    return {
        "@odata.id": path,
        "@odata.type": f"#{kind}Collection.{kind}Collection",
        "Name": name,
        "Members@odata.count": len(members),
        "Members": [link(member) for member in members],
    }


def fixed(document: Document) -> Resource:
    """A resource that never changes."""
    return Resource(read=lambda: document)


def etag(document: Document) -> str:
    """The strong ETag of a resource as it is now; its clock does not count (DSP0266, section 7.5.3)."""
    lasting = {name: value for name, value in document.items() if name != "DateTime"}
    digest = hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()
    return f'"{digest[:16]}"'


@dataclass(frozen=True)
class Writable:
    """A property that may be written: its JSON type, and its values if they are listed."""

    kind: type
    values: tuple[str, ...] = ()


Schema = Mapping[str, Union[Writable, "Schema"]]
"""What may be written of a resource; a mapping within is an object."""


def judge(sent: Document, schema: Schema, now: Document) -> Document:
    """What of a PATCH is to be written. `now` is the resource, so that what is only read is told from what is unknown.

    Raises:
        Refusal: something of it cannot be written; then nothing is.
    """
    if not sent:
        raise Refusal(HTTPStatus.BAD_REQUEST, Message("EmptyJSON"))
    faults: list[Message] = []
    accepted = _accepted(sent, schema, now, "", faults)
    if faults:
        raise Refusal(HTTPStatus.BAD_REQUEST, *faults)
    if not accepted:
        raise Refusal(HTTPStatus.BAD_REQUEST, Message("NoOperation"))
    return accepted


def _accepted(sent: Document, schema: Schema, now: Document, above: str, faults: list[Message]) -> Document:
    accepted: Document = {}
    for name, value in sent.items():
        if "@" in name:
            continue  # annotations are ignored (DSP0266, section 7.7.1)
        rule, path = schema.get(name), f"{above}/{name}"
        if isinstance(rule, Mapping) and isinstance(value, dict):
            accepted[name] = _accepted(value, rule, now.get(name, {}), path, faults)
        elif (fault := _fault(name, value, rule, known=name in now)) is not None:
            faults.append(Message(fault[0], fault[1], path))
        else:
            accepted[name] = value
    return accepted


def _fault(
    name: str, value: object, rule: "Writable | Schema | None", *, known: bool
) -> tuple[str, tuple[str, ...]] | None:
    if rule is None:
        return ("PropertyNotWritable" if known else "PropertyUnknown"), (name,)
    if isinstance(rule, Mapping) or type(value) is not rule.kind:
        return "PropertyValueTypeError", (str(value), name)
    if rule.values and value not in rule.values:
        return "PropertyValueNotInList", (str(value), name)
    return None
