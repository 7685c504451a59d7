"""`bmprov top`: the pages *Now*, *Hall* and *Events* in a terminal."""

import os
import sys
import termios
import threading
import time

import click

from bmprov.cli.api import Api
from bmprov.cli.login import Login
from bmprov.cli.options import located

_LOOK_EVERY_S = 2.0


@click.command()
@located
def command(login: Login) -> None:
    """Show what is happening now and what is in the hall, until `q` is pressed. Nothing can be ordered here.

    Where standard output is no terminal, what is under way is printed once.
    """
    if sys.stdin.isatty() and sys.stdout.isatty():
        from bmprov.cli.top.app import Top

        threading.Thread(target=_end_with_terminal, name="terminal", daemon=True).start()
        return Top(login).run()
    from bmprov.cli.top.snapshot import snapshot

    with Api(login) as api:
        return snapshot(api)


def _end_with_terminal() -> None:
    """End when the terminal has gone: SIGHUP tells only its own session, and others would read its end for ever.

    At once: there is no screen left that could be given back.
    """
    while True:
        time.sleep(_LOOK_EVERY_S)
        try:
            termios.tcgetattr(0)
        except termios.error:
            os._exit(0)
