"""TFTP for the first loader and nothing else (RFC 1350, with the options blksize and tsize), on tftpy.

Only names of `LOADERS` are known; they are looked up in a dictionary, so no path of a request ever touches the disk.
Writing is refused. tftpy is single-threaded and selects over at most 1,024 sockets; a loader is a few hundred
kilobytes, all else goes over HTTP.
"""

import io
import logging
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import structlog
import tftpy

from pxe.dhcp.policy import LOADERS

log = structlog.get_logger()

_SESSION_S = 5
_RETRIES = 4
_POLL_S = 0.2
_PLACES = {"snponly-arm64.efi": ("arm64-efi/snponly.efi", "snponly-arm64.efi")}


def loaders_in(folder: Path) -> dict[str, Path]:
    """The loaders in `folder` (/usr/lib/ipxe of Debian's package `ipxe`), by the name that clients ask for."""
    places = {name: _PLACES.get(name, (name,)) for name in set(LOADERS.values())}
    found = {name: [folder / place for place in some if (folder / place).is_file()] for name, some in places.items()}
    return {name: paths[0] for name, paths in found.items() if paths}


class TftpService:
    """Serves loaders until it is stopped."""

    def __init__(self, loaders: Mapping[str, Path], listen: str, port: int) -> None:
        self._loaders = dict(loaders)
        self._listen = listen
        self._port = port
        logging.getLogger("tftpy").setLevel(logging.ERROR)  # it logs every block

    def run(self, stopping: threading.Event) -> None:
        """Serve until `stopping` is set.

        Raises:
            OSError: the port cannot be bound.
        """
        with tempfile.TemporaryDirectory(prefix="bmprov-tftp-") as empty:
            while not stopping.is_set():
                server = tftpy.TftpServer(empty, dyn_file_func=self._open, upload_open=_refuse)
                threading.Thread(target=_stop_when, args=(server, stopping), daemon=True).start()
                log.info("TFTP server ready", listen=self._listen, port=self._port, loaders=sorted(self._loaders))
                self._listen_on(server, stopping)

    def _listen_on(self, server: tftpy.TftpServer, stopping: threading.Event) -> None:
        try:
            server.listen(self._listen, self._port, _SESSION_S, _RETRIES)
        except OSError:
            raise
        except Exception:  # the outermost loop: tftpy lets what it did not foresee in a packet end its loop
            log.exception("TFTP server begins anew")
            server.sock.close()
            stopping.wait(_POLL_S)

    def _open(self, name: str, raddress: str = "", rport: int = 0) -> IO[bytes] | None:
        """What tftpy calls for a read request; None becomes error 1, file not found."""
        path = self._loaders.get(name.lstrip("/"))
        if path is None:
            log.info("TFTP refused", client=raddress, port=rport, name=name[:100], why="no loader has this name")
            return None
        log.info("TFTP", client=raddress, port=rport, name=name)
        return io.BytesIO(path.read_bytes())


def _refuse(_path: str, _context: object) -> None:
    """Uploads are nobody's business here."""


def _stop_when(server: tftpy.TftpServer, stopping: threading.Event) -> None:
    stopping.wait()
    server.stop(now=True)
