"""`bmprov pxe tftp`: builds the TFTP server from the settings and runs it."""

from bmprov.heartbeat import Heart
from bmprov.settings import Settings
from bmprov.signs import Part
from pxe.loaders import files_for_tftp
from pxe.stopping import stop_signals
from pxe.tftp import TftpService


def run(settings: Settings) -> None:
    """Serve loaders over TFTP until SIGTERM."""
    Heart(settings.redis, Part.TFTP, settings.site).start()
    files = files_for_tftp(settings.pxe.loaders, settings.images / "ramdisk")
    TftpService(files, settings.pxe.listen, settings.pxe.tftp_port).run(stop_signals())
