"""What others have written, as a terminal may show it.

Names, notes, accounts and the words of BMCs come from strangers. A control character among them could move the cursor,
set the window's title or type into a shell (ECMA-48), and a bidirectional override could show a name backwards.
"""

from typing import Any

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def legible(text: str) -> str:
    """The text with a mark for every character that does not print; lines stay lines, other blanks become spaces."""
    return text if text.isprintable() else "".join(map(_shown, text))


def legible_json(told: Any) -> Any:  # noqa: ANN401 - JSON
    """The same for all texts of a JSON value."""
    if isinstance(told, str):
        return legible(told)
    if isinstance(told, list):
        return [legible_json(one) for one in told]
    if isinstance(told, dict):
        return {legible(name): legible_json(value) for name, value in told.items()}
    return told


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return " " if character.isspace() else _UNKNOWN
