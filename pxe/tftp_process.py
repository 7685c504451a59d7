"""`bmprov pxe tftp`: builds the TFTP server from the settings and runs it."""

import time

from bmprov.heartbeat import Heart
from bmprov.settings import Settings
from bmprov.signs import Part
from bmprov.store import Store
from pxe.fetched import Fetch, FetchLog
from pxe.loaders import files_for_tftp
from pxe.stopping import stop_signals
from pxe.tftp import TftpService
from pxe.tftp_session import Session
from pxe.tftp_transfer import Ended, Outcome


def run(settings: Settings) -> None:
    """Serve loaders over TFTP until SIGTERM."""
    Heart(settings.redis, Part.TFTP, settings.site).start()
    files = files_for_tftp(settings.pxe.loaders, settings.images / "ramdisk")
    fetched = FetchLog(Store(settings.database, pool_size=1, durable=False), settings.site)

    def told(session: Session, ended: Ended) -> None:
        fetched.add(fetch_of(session, ended, time.time()))

    TftpService(files, settings.pxe.listen, settings.pxe.tftp_port, told).run(stop_signals())


def fetch_of(session: Session, ended: Ended, now: float) -> Fetch:
    """A transfer that has ended, for the timeline."""
    transfer, address = session.transfer, session.request.sender[0]
    if ended.outcome is Outcome.SENT:
        again = f" ({transfer.resent} packets sent again)" if transfer.resent else ""
        return Fetch("TFTP", f"{transfer.name}{again}", session.began, now, "", address, transfer.size_bytes)
    if ended.outcome is Outcome.ABORTED and not transfer.acknowledged:
        return Fetch("TFTP", f"asked for the size of {transfer.name}", session.began, now, "", address)
    why = f"{ended.outcome}, {ended.why}" if ended.why else str(ended.outcome)
    return Fetch("TFTP", f"{transfer.name} was not sent: {why}", session.began, now, "", address)
