"""`bmprov top`: the pages *Now*, *Hall* and *Events* in a terminal."""

import sys

import click

from bmprov.cli.api import Api
from bmprov.cli.login import Login
from bmprov.cli.options import located


@click.command()
@located
def command(login: Login) -> None:
    """Show what is happening now and what is in the hall, until `q` is pressed. Nothing can be ordered here.

    Where standard output is no terminal, what is under way is printed once.
    """
    if sys.stdin.isatty() and sys.stdout.isatty():
        from bmprov.cli.top.app import Top

        return Top(login).run()
    from bmprov.cli.top.snapshot import snapshot

    with Api(login) as api:
        return snapshot(api)
