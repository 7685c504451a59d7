"""`bmprov person` and `bmprov wall`, against a running service."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bmprov.cli.conftest import Said

Call = Callable[..., Said]


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text("a horse that reads maps\n")
    return file


@pytest.fixture
def ann(bmprov: Call, password: Path) -> Iterator[str]:
    said = bmprov("person", "add", "Ann", "--role", "operator", "--password-file", password)
    assert said.code == 0, said.err
    assert said.out.startswith("ann is added, role operator; the page is https://127.0.0.1:")
    yield "ann"
    bmprov("person", "remove", "--yes", "ann")


def test_without_anybody_the_lists_say_what_to_do(bmprov: Call) -> None:
    """The one who starts is told the next command."""
    assert bmprov("person", "list").out.strip() == "there is nobody: `bmprov person add NAME --role admin`"
    assert bmprov("wall", "list").out.strip() == "there is no wall link: `bmprov wall add NAME`"


def test_people_are_listed_shown_and_changed(bmprov: Call, ann: str) -> None:
    """People get a table and a record, programs the API's objects."""
    table = bmprov("person", "list").out.split("\n")
    assert table[0].split("  ")[0] == "NAME"
    assert " ".join(table[1].split()).startswith("ann operator by password ")
    assert table[1].split()[-1] == "enabled"
    told = bmprov("person", "show", ann, "--json").json
    assert bmprov("person", "list", "--json").json == [told]
    assert bmprov("person", "role", ann, "viewer").out.strip() == "ann is viewer"
    assert "disabled" in bmprov("person", "disable", ann).out
    assert "disabled" in bmprov("person", "show", ann).out
    assert bmprov("person", "enable", ann).out.strip() == "ann may sign in"
    assert bmprov("person", "sign-out", ann).out.strip() == "ann is signed out of 0 browsers"


def test_a_password_comes_from_a_file_or_the_environment_and_is_never_an_option(
    bmprov: Call, ann: str, password: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other users see options in the list of processes."""
    assert bmprov("person", "passwd", ann, "--password-file", password).code == 0
    nothing = bmprov("person", "passwd", ann, "--password-file", "/dev/null")
    assert (nothing.code, "there is no password" in nothing.err) == (1, True)
    monkeypatch.setenv("BMPROV_PERSON_PASSWORD", "short")
    short = bmprov("person", "passwd", ann)
    assert short.code == 1
    assert "12 to 256 characters" in short.err
    assert bmprov("person", "passwd", ann, "--password", "x").code == 2
    assert "there is nobody named 'bob'" in bmprov("person", "passwd", "bob").err


def test_a_link_is_printed(bmprov: Call, ann: str) -> None:
    """Alone on standard output."""
    assert bmprov("person", "add", "bob", "--role", "viewer", "--no-password").out.strip().endswith("person link bob`")
    for name in (ann, "bob"):
        assert "/sign-in/link#" in bmprov("person", "link", name).out
    assert bmprov("person", "remove", "--yes", "bob").code == 0


def test_a_wall_link_is_made_listed_and_revoked(bmprov: Call) -> None:
    """Its address goes to standard output, the words to standard error."""
    made = bmprov("wall", "add", "lobby")
    assert made.out.startswith("https://127.0.0.1:")
    assert "/wall#" in made.out
    link = bmprov("wall", "list", "--json").json[0]["id"]
    assert "lobby" in bmprov("wall", "list").out
    assert bmprov("wall", "revoke", link).out.strip() == f"wall link {link} is revoked"
    assert "there is no live wall link" in bmprov("wall", "revoke", link).err
