"""`bmprov init`: what a service needs before its first start."""

from dataclasses import replace
from pathlib import Path

import click

from bmprov import settings, tls
from bmprov.cli.folder import write
from bmprov.errors import Fatal
from bmprov.settings import ApiSettings, Settings
from bmprov.vault import Vault


@click.command()
@click.option(
    "--config",
    envvar="BMPROV_CONFIG",
    type=click.Path(path_type=Path),
    default=settings.DEFAULT_PATH,
    show_default=True,
    help="The settings file to make; the key file and the certificate go beside it.",
)
def command(*, config: Path) -> None:
    """Make a settings file, a key file and a certificate. What is there already is kept."""
    chosen = settings.load(config) if config.exists() else _write(config.absolute())
    try:
        Vault.create_file(chosen.key_file)
    except OSError as error:
        raise Fatal(f"{chosen.key_file} cannot be written ({error.strerror})", "look at its folder") from error
    tls.ensure(chosen.api.certificate, chosen.api.key, tls.names_of(chosen.api.listen))
    click.echo(f"settings     {config}\nkey file     {chosen.key_file}\ncertificate  {chosen.api.certificate}")
    click.echo(f"fingerprint  sha256:{tls.fingerprint(chosen.api.certificate)}")
    click.echo("next: look through the settings, `bmprov migrate`, and `bmprov token first NAME`")


def _write(config: Path) -> Settings:
    folder = config.parent
    api = replace(ApiSettings(), certificate=folder / "api.pem", key=folder / "api.key")
    chosen = replace(Settings(), key_file=folder / "secret.key", api=api)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(config, settings.dump(chosen))
    except OSError as error:
        raise Fatal(f"{config} cannot be written ({error.strerror})", "look at its folder, or give --config") from error
    return chosen
