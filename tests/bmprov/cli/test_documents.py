"""The documents name every command, every setting with its default, and every field of a machine."""

import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import cast

import click
import pytest

from bmprov.api.shapes.machine import MachineIn
from bmprov.cli.main import COMMANDS, cli
from bmprov.settings import Settings

DOCS = Path(__file__).parents[3] / "docs"
WRITTEN_AS = {"": "empty", "/etc/bmprov/api.key": "`api.key`"}


def settings() -> list[tuple[str, object]]:
    tables = [Settings(), *(value for value in vars(Settings()).values() if is_dataclass(value))]
    found = [(item.name, getattr(table, item.name)) for table in tables for item in fields(cast("Settings", table))]
    return [(name, value) for name, value in found if not is_dataclass(value)]


def commands() -> list[str]:
    context = click.Context(cli)
    found = [(name, cli.get_command(context, name)) for name, entry in COMMANDS.items() if entry.heading]
    groups = {name: list(one.commands) for name, one in found if isinstance(one, click.Group)}
    alone = [name for name, _ in found if name not in groups]
    return alone + [f"{name} {sub}" for name, subs in groups.items() for sub in subs]


@pytest.mark.parametrize(("name", "default"), settings())
def test_every_setting_is_described(name: str, default: object) -> None:
    """Each key stands in the first column of a table, and its default in the second."""
    text = _written(default)
    rows = [line.split("|") for line in (DOCS / "settings.md").read_text().splitlines() if line.startswith("| `")]
    defaults = [row[2] for row in rows if f"`{name}`" in row[1]]
    assert any(WRITTEN_AS.get(text, f"`{text}`") in told for told in defaults)


def _written(default: object) -> str:
    if isinstance(default, float):
        return f"{default:g}"
    return json.dumps(default) if isinstance(default, tuple) else str(default)


@pytest.mark.parametrize("command", commands())
def test_every_command_is_described(command: str) -> None:
    """Each command stands in the document, subcommands in the row of their group."""
    name, _, sub = command.partition(" ")
    lines = [line for line in (DOCS / "cli.md").read_text().splitlines() if re.search(rf"\b{name}\b", line)]
    assert any(sub in line for line in lines)


def test_every_field_of_a_machine_is_described() -> None:
    """The example of a file has all that a file may have."""
    text = (DOCS / "cli.md").read_text()
    assert [name for name in MachineIn.model_fields if f"  {name}:" not in text and f"- {name}:" not in text] == []
