"""Writes the generated parts of the documents: `python -m tests.docs`. A test compares them with what it writes."""

import re
from collections.abc import Mapping
from pathlib import Path

from bmprov.actions import ACTIONS, CustomAction, Parameter
from bmprov.health.metrics import COUNTERS, GAUGES
from bmprov.lifecycle import diagram
from bmprov.maas import STANDINGS, Standing, status_words
from bmprov.payload import DETAILS

ROOT = Path(__file__).parent.parent


def lifecycle() -> str:
    return f"```mermaid\n{diagram()}\n```"


def details() -> str:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in DETAILS.items()]
    return "\n".join(["| detail | meaning |", "|---|---|", *rows])


_STANDINGS: Mapping[Standing, tuple[str, str]] = {
    Standing.FREE: ("`available`: it can be given", "**lost**; a deployment fails"),
    Standing.ALLOCATED: ("`enrolled`: it is somebody's", "it is reserved; in a deployment: somebody has aborted that"),
    Standing.DEPLOYING: ("`enrolled`: it is somebody's", "it is waited for; after the deployment: **lost**"),
    Standing.DEPLOYED: ("`enrolled`: it is somebody's", "`active`"),
    Standing.FAILED_DEPLOYMENT: ("`enrolled`", "the deployment fails with the reason, the machine is marked Broken"),
    Standing.RETURNING: ("`enrolled`, until it is Ready", "`delete` waits for it; without a `delete`: **lost**"),
    Standing.FAILED_RETURN: ("`enrolled`", "`delete` fails with the reason, the machine is quarantined"),
    Standing.RESCUE: ("`enrolled`", "`active`"),
    Standing.UNUSABLE: ("`enrolled`, with the status as the reason", "**lost**; a deployment fails"),
}


def standings() -> str:
    head = ["| in MAAS | while no instance has it | while an instance has it |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {_statuses(one)} | {free} | {had} |" for one, (free, had) in _STANDINGS.items())])


def _statuses(standing: Standing) -> str:
    return ", ".join(status_words(status) for status, means in STANDINGS.items() if means is standing)


def actions() -> str:
    head = ["| action | what it does | parameters | who may |", "|---|---|---|---|"]
    return "\n".join([*head, *map(_action, ACTIONS.values())])


def _action(action: CustomAction) -> str:
    parameters = "; ".join(map(_parameter, action.parameters)) or "-"
    who = "operators" if action.guarded else "tenants too"
    return f"| `{action.name}` | {action.about} | {parameters} | {who} |"


def _parameter(one: Parameter) -> str:
    return f"`{one.name}`: {', '.join(one.options) or f'{one.least} to {one.most}'}"


def metrics() -> str:
    rows = [_metric(one.name, "gauge", one.about, one.labels) for one in GAUGES]
    rows += [_metric(name, *told) for name, told in COUNTERS.items()]
    return "\n".join(["| metric | kind | labels | meaning |", "|---|---|---|---|", *rows])


def _metric(name: str, kind: str, about: str, labels: tuple[str, ...]) -> str:
    return f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels) or '-'} | {about} |"


PARTS = {
    "ARCHITECTURE.md": {"lifecycle": lifecycle},
    "README.md": {"details": details},
    "docs/actions.md": {"actions": actions},
    "docs/maas.md": {"standings": standings},
    "docs/metrics.md": {"metrics": metrics},
}


def generated(name: str) -> str:
    """The text of a document with its generated parts made anew."""
    text = (ROOT / name).read_text()
    for part, make in PARTS[name].items():
        text = re.sub(
            rf"(<!-- {part}: [^>]*-->\n).*?(<!-- end -->)", rf"\g<1>\n{make()}\n\n\g<2>", text, flags=re.DOTALL
        )
    return text


if __name__ == "__main__":
    for name in PARTS:
        (ROOT / name).write_text(generated(name))
