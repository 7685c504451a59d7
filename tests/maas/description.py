"""The description of the API (`describe/`), from which MAAS's clients make their calls. Its form is MAAS 3.7.3's."""

import hashlib
import json
from collections.abc import Collection

from tests.maas.answers import Document
from tests.maas.routes import API, RESOURCES, Action, Resource


def description(base: str, lacking: Collection[tuple[str, str]] = ()) -> Document:
    """What the region at `base` serves. `lacking` are operations to leave out, as (resource, operation)."""
    resources = [_resource(resource, base, lacking) for resource in RESOURCES]
    handlers = [resource[side] for resource in resources for side in ("anon", "auth") if resource[side]]
    digest = hashlib.sha1(json.dumps(handlers, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    return {"doc": "MAAS API", "handlers": handlers, "hash": digest, "resources": resources}


def _resource(resource: Resource, base: str, lacking: Collection[tuple[str, str]]) -> Document:
    actions = [_action(action) for action in resource.actions if (resource.name, action.name) not in lacking]
    handler = {
        "name": f"{resource.name}Handler",
        "doc": resource.doc,
        "params": resource.variables,
        "path": API + resource.path,
        "uri": base + API + resource.path,
        "actions": actions,
    }
    if resource.anonymous == "all":
        return {"name": handler["name"], "anon": handler, "auth": None}
    nameless = {**handler, "name": f"Anon{resource.name}Handler", "actions": []}
    return {"name": handler["name"], "anon": nameless if resource.anonymous else None, "auth": handler}


def _action(action: Action) -> Document:
    lines = [action.doc, "", *(f":param {name}: See MAAS's own description." for name in action.parameters)]
    return {
        "name": action.name,
        "method": action.method,
        "op": action.op,
        "restful": action.op is None,
        "doc": "\n".join(lines),
    }
