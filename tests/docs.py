"""Writes the generated parts of the documents: `python -m tests.docs`. A test compares them with what it writes."""

import re
from pathlib import Path

from bmprov.lifecycle import diagram
from bmprov.payload import DETAILS

ROOT = Path(__file__).parent.parent


def lifecycle() -> str:
    return f"```mermaid\n{diagram()}\n```"


def details() -> str:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in DETAILS.items()]
    return "\n".join(["| detail | meaning |", "|---|---|", *rows])


PARTS = {"ARCHITECTURE.md": {"lifecycle": lifecycle}, "README.md": {"details": details}}


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
