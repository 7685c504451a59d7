"""Files of cables, CSV with a header or a YAML list: `machine`, `nic`, `switch`, `port`, and if any `aggregate`."""

import csv
import io
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from bmprov.api.shapes.cable import LONGEST_FILE, FileCableIn
from bmprov.errors import Invalid

_COLUMNS = ("machine", "nic", "switch", "port", "aggregate")
_NEEDED = _COLUMNS[:-1]
_SEPARATORS = ",;\t"  # spreadsheets write what their user's language has
_MOST_NICS = 64
_SHOWN = 10


def read(file: Path) -> list[dict[str, Any]]:
    """The cables of a file, `-` being standard input, as the API takes them.

    Raises:
        Invalid: it cannot be read, or a line of it is wrong; the first wrong ones are named.
    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")  # as Excel writes it
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} cannot be read ({error})", "it is CSV with a header, or a YAML list") from error
    lines = list(_of_csv(text, file) if _is_csv(text, file) else _of_yaml(text, file))
    if not 1 <= len(lines) <= LONGEST_FILE:
        raise Invalid(f"{file} has {len(lines)} cables", f"it must have one, and at most {LONGEST_FILE}")
    wrong = [f"{where}: {why}" for where, fields in lines if (why := _wrong(fields))]
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise Invalid("; ".join(wrong[:_SHOWN]) + more, "nothing was entered")
    return [FileCableIn.model_validate(fields).model_dump() for _, fields in lines]


def _is_csv(text: str, file: Path) -> bool:
    if file.suffix in (".csv", ".yaml", ".yml"):
        return file.suffix == ".csv"
    return bool(set(_header(text)) & set(_SEPARATORS)) and not text.lstrip().startswith(("-", "[", "#"))


def _header(text: str) -> str:
    return next(iter(text.splitlines()), "")


def _of_csv(text: str, file: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    separator = max(_SEPARATORS, key=_header(text).count)
    rows = csv.DictReader(io.StringIO(text), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        header = {name.strip() for name in rows.fieldnames or ()}
        strange, missing = sorted(header - set(_COLUMNS)), sorted(set(_NEEDED) - header)
        if strange or missing:
            told = f"has no column {missing[0]}" if missing else f"has a column '{strange[0]}'"
            raise Invalid(f"{file} {told}", f"its first line is {','.join(_COLUMNS)}, the last of them if any")
        for row in rows:
            if None in row:
                raise Invalid(
                    f"line {rows.line_num} of {file} has more fields than the header", "look at its separators"
                )
            yield f"line {rows.line_num}", {name.strip(): (value or "").strip() for name, value in row.items()}
    except csv.Error as error:
        raise Invalid(f"line {rows.line_num} of {file} is no CSV ({error})", "look at its quotes") from error


def _of_yaml(text: str, file: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    try:
        entries = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Invalid(f"{file} cannot be read ({' '.join(str(error).split())})", "it is a YAML list") from error
    if isinstance(entries, Mapping):
        entries = entries.get("cables")
    if not isinstance(entries, list):
        raise Invalid(f"{file} holds no list of cables", "each begins with `- machine: …`")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping):
            raise Invalid(f"cable {number} of {file} is no mapping", "each begins with `- machine: …`")
        yield f"cable {number}", dict(entry) | {"nic": _nic(entry.get("nic"), number)}


def _nic(told: object, number: int) -> object:
    """A position as text; YAML 1.1 takes a MAC of decimal digits for a number with the base 60."""
    if type(told) is not int:
        return told
    if told > _MOST_NICS:
        raise Invalid(f"cable {number}: YAML takes its MAC for a number", "put it into quotes")
    return str(told)


def _wrong(fields: Mapping[str, Any]) -> str:
    """What is wrong with the first wrong field of a cable; empty when nothing is."""
    try:
        FileCableIn.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        return f"'{'.'.join(map(str, first['loc']))}': {first['msg'].removeprefix('Value error, ')}"
    return ""
