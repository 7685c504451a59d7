"""Where the command line looks for the API and its token."""

from pathlib import Path

import pytest

from bmprov.cli.login import Login, find
from bmprov.errors import Fatal

INI = "[bmprov]\nendpoint = https://there:8443\ntoken = s3cr3t%\nca = /there.pem\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".config/bmprov").mkdir(parents=True)
    return tmp_path


def test_the_folder_of_an_up(tmp_path: Path) -> None:
    """`--data` names the folder whose client.ini counts."""
    (tmp_path / "client.ini").write_text(INI)
    assert find(None, None, None, tmp_path) == Login("https://there:8443", "s3cr3t%", "/there.pem")


def test_the_user_s_own_file(home: Path) -> None:
    """Without anything else, the file in the home folder counts."""
    (home / ".config/bmprov/client.ini").write_text(INI)
    assert find(None, None, None, None).endpoint == "https://there:8443"


def test_a_token_of_a_file_goes_nowhere_else(tmp_path: Path) -> None:
    """An endpoint that was given needs a token that was given."""
    (tmp_path / "client.ini").write_text(INI)
    with pytest.raises(Fatal, match="no token for https://elsewhere"):
        find("https://elsewhere", None, None, tmp_path)


@pytest.mark.parametrize("text", ["token = s3cr3t", "[bmprov]\ntoken = s3cr3t", "[bmprov]\ns3cr3t", "\xff"])
def test_a_broken_file_is_not_quoted(tmp_path: Path, text: str) -> None:
    """The sentence about a file that is not understood holds none of its lines."""
    (tmp_path / "client.ini").write_bytes(text.encode("latin-1"))
    with pytest.raises(Fatal, match="is not understood") as caught:
        Login.from_file(tmp_path / "client.ini")
    assert "s3cr3t" not in str(caught.value)


def test_a_login_does_not_show_its_token() -> None:
    """Whoever prints a login prints no secret."""
    assert "s3cr3t" not in repr(Login("https://there", "s3cr3t"))
