"""`bmprov pxe tftp`: builds the TFTP server from the settings and runs it."""

from bmprov.settings import Settings
from pxe.loaders import loaders_in
from pxe.stopping import stop_signals
from pxe.tftp import TftpService


def run(settings: Settings) -> None:
    """Serve loaders over TFTP until SIGTERM."""
    TftpService(loaders_in(settings.pxe.loaders), settings.pxe.listen, settings.pxe.tftp_port).run(stop_signals())
