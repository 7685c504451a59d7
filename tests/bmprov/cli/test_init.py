"""What a service on its own hosts needs before its first start."""

import stat
from collections.abc import Callable
from pathlib import Path

from bmprov.settings import load
from tests.bmprov.cli.conftest import Said


def test_settings_key_and_certificate(bare: Callable[..., Said], tmp_path: Path) -> None:
    """All three are made beside each other, and kept the second time."""
    config = tmp_path / "etc" / "bmprov.toml"
    first = bare("init", "--config", config)
    made = {path.name: path.read_bytes() for path in config.parent.iterdir()}
    assert set(made) == {"bmprov.toml", "secret.key", "api.pem", "api.key"}
    assert "fingerprint  sha256:" in first.out
    assert bare("init", "--config", config).out == first.out
    assert {path.name: path.read_bytes() for path in config.parent.iterdir()} == made
    assert load(config).key_file == config.parent / "secret.key"
    assert stat.S_IMODE(config.stat().st_mode) & 0o077 == 0


def test_the_first_token(bare: Callable[..., Said], tmp_path: Path) -> None:
    """After `migrate` an administrator's token can be made without having one."""
    config = tmp_path / "bmprov.toml"
    config.write_text(f'database = "sqlite:///{tmp_path}/bmprov.db"\nkey_file = "{tmp_path}/secret.key"\n')
    assert bare("migrate", "--config", config).out.strip() == "the database has this version's tables"
    said = bare("token", "first", "me", "--config", config)
    assert said.out.startswith("bmprov_")
    assert "shown once" in said.err


def test_a_settings_file_that_is_not_there(bare: Callable[..., Said], tmp_path: Path) -> None:
    """Every process says which file it misses."""
    said = bare("serve", "--config", tmp_path / "none.toml")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "none.toml is not usable" in said.err
