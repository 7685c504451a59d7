"""How figures are written."""

import pytest

from bmprov.cli.output import print_table, word
from bmprov.quantities import size, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0.00 s"),
        (0.034, "0.03 s"),
        (8.26, "8.3 s"),
        (200, "3 min 20 s"),
        (18_720, "5 h 12 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_spans(seconds: float, words: str) -> None:
    """A length of time is told in the two units that matter."""
    assert span(seconds) == words


@pytest.mark.parametrize(("count", "words"), [(512, "512 B"), (2**23, "8.0 MiB"), (3 * 2**40, "3.0 TiB")])
def test_sizes(count: int, words: str) -> None:
    """A size has a binary unit."""
    assert size(count) == words


def test_words_are_never_markup() -> None:
    """What the service tells is printed as it is, brackets too."""
    assert word("[bold]a[/bold]").plain == "[bold]a[/bold]"
    assert word(["a", "b"]).plain == "a, b"
    assert word(None).plain == ""


def test_a_piped_table_has_whole_lines_without_padding(capsys: pytest.CaptureFixture[str]) -> None:
    """A long cell is neither cut nor wrapped, and no line ends in blanks."""
    print_table(["NAME", "WHY"], [["a", "x" * 200], ["longer", ""]], empty="none")
    assert capsys.readouterr().out.splitlines() == ["NAME    WHY", "a       " + "x" * 200, "longer"]
