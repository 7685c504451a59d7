"""The processes of this package: `bmprov pxe dhcp`, `tftp`, `http` and `dns`.

Each imports only what it runs: a process that answers DHCP needs neither Flask nor RQ, which are 35 MiB.
"""

from importlib import import_module

from bmprov.errors import Fatal
from bmprov.settings import Settings

PARTS = {
    "dhcp": "pxe.dhcp.process",
    "tftp": "pxe.tftp_process",
    "http": "pxe.http_process",
    "dns": "pxe.dns.process",
}
"""The module of each, whose `run` builds everything and serves until SIGTERM."""


def run(settings: Settings, part: str) -> None:
    """Run one of `PARTS` until SIGTERM.

    Raises:
        Fatal: a port cannot be bound, or the key file is not usable.
    """
    try:
        import_module(PARTS[part]).run(settings)
    except OSError as error:
        raise Fatal(
            f"{part} cannot use its port ({error.strerror})",
            "ports below 1024 need root or CAP_NET_BIND_SERVICE; another server may have it: look with `ss -lntup`",
        ) from error
