"""What others have written, as a terminal may show it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmprov.cli.legible import legible, legible_json


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("r01-u02", "r01-u02"),
        ("[bold]x[/]", "[bold]x[/]"),
        ("\x1b[31mred", "�[31mred"),
        ("\x9b31m", "�31m"),
        ("a\tb\rc\nd", "a b c\nd"),
        ("\u202egnp.exe", "�gnp.exe"),
        ("\u2028", " "),
        ("zero\u200bwidth", "zero�width"),
        ("\u00a0 \u3000", "   "),
        ("ウェブ Å", "ウェブ Å"),
    ],
)
def test_what_does_not_print_is_marked(written: str, shown: str) -> None:
    """A character for a character, so that nothing moves."""
    assert legible(written) == shown


@given(st.text())
def test_nothing_reaches_the_terminal_but_print_and_new_lines(written: str) -> None:
    """Whatever it is."""
    shown = legible(written)
    assert len(shown) == len(written)
    assert not [one for one in shown if one != "\n" and unicodedata.category(one) in {"Cc", "Cf", "Zl", "Zp", "Cs"}]


def test_all_texts_of_a_json_value_are_shown_so() -> None:
    """Its names too; what is no text stays as it is."""
    told = {"a\x07": ["\x1b", 1, None, {"b": "\x7f"}], "c": True}
    assert legible_json(told) == {"a�": ["�", 1, None, {"b": "�"}], "c": True}
