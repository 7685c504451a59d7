"""Options that many commands have."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from bmprov import settings
from bmprov.cli import login
from bmprov.cli.api import Api

_T = TypeVar("_T")
_CommandT = TypeVar("_CommandT", bound=Callable[..., Any])

_CONNECTION = (
    click.option("--endpoint", envvar="BMPROV_ENDPOINT", metavar="URL", help="The API: https://host:port."),
    click.option("--token", envvar="BMPROV_TOKEN", help="A token; better in the environment than here."),
    click.option("--ca", envvar="BMPROV_CA", metavar="FILE", help="Its CA or its own certificate, as PEM."),
    click.option(
        "--data",
        envvar="BMPROV_DATA",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="The folder of a `bmprov up`, whose client.ini says all that.",
    ),
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print the API's JSON.")


def span_options(command: _CommandT) -> _CommandT:
    """Give a command the options `--since` and `--until`: local times unless they say otherwise."""
    until = click.option("--until", callback=_moment, metavar="TIME", help="Only those before this time.")
    since = click.option(
        "--since", callback=_moment, metavar="TIME", help="Only since 2026-11-22T06:00, or 06:00 today."
    )
    return since(until(command))


def _moment(_context: click.Context, _option: click.Parameter, told: str | None) -> str | None:
    """A time in ISO 8601, or one of today."""
    if told is None:
        return None
    try:
        today = datetime.now().astimezone().date().isoformat()
        return datetime.fromisoformat(told if "-" in told else f"{today}T{told}").astimezone().isoformat()
    except ValueError:
        raise click.BadParameter(f"'{told}' is no time: write 2026-11-22T06:00, 2026-11-22, or 06:00") from None


def located(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the options that say where the API is, and the `Login` that they mean as its first argument."""

    @wraps(command)
    def call(*, endpoint: str | None, token: str | None, ca: str | None, data: Path | None, **rest: Any) -> _T:  # noqa: ANN401 - the command's own options
        return command(login.find(endpoint, token, ca, data), **rest)

    for option in reversed(_CONNECTION):
        option(call)
    return call


def connected(command: Callable[..., _T]) -> Callable[..., _T]:
    """The same with an open `Api` as the first argument."""

    @wraps(command)
    def call(where: login.Login, **rest: Any) -> _T:  # noqa: ANN401 - the command's own options
        with Api(where) as api:
            return command(api, **rest)

    return located(call)


def configured(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the option `--config`, and the settings as its first argument."""

    @click.option(
        "--config",
        envvar="BMPROV_CONFIG",
        type=click.Path(path_type=Path),
        default=settings.DEFAULT_PATH,
        show_default=True,
        help="The settings file.",
    )
    @wraps(command)
    def call(*, config: Path, **rest: Any) -> _T:  # noqa: ANN401 - the command's own options
        return command(settings.load(config), **rest)

    return call
