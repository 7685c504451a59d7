"""Where a simulated BMC takes SSH: a listening socket, and nothing else until somebody connects.

asyncssh costs 0.2 s and 6 MB once it is imported, so the first connection of a hall imports it.
"""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

from bmprov.sim.serial_port import SerialPort

SESSIONS = 4
"""How many may look at a machine at once."""

_BACKLOG = 4


class SshPort:
    """The serial port of a machine over SSH, for whom `lets_in` knows by user and password.

    `host_key` is the file of the key, which is made when it is not there. As long as `answers` says no, everybody is
    hung up on.
    """

    __slots__ = ("_answers", "_host_key", "_lets_in", "_listening", "_serial", "_sessions")

    def __init__(
        self,
        serial: SerialPort,
        lets_in: Callable[[str, str], bool],
        host_key: Path,
        answers: Callable[[], bool],
    ) -> None:
        self._serial = serial
        self._lets_in = lets_in
        self._host_key = host_key
        self._answers = answers
        self._listening: socket.socket | None = None
        self._sessions: tuple[asyncio.Task[None], ...] = ()

    def open(self, address: str, port: int) -> int:
        """Listen on a TCP port, 0 for a free one; the port.

        Raises:
            OSError: the port is taken.
        """
        self._listening = socket.create_server((address, port), backlog=_BACKLOG)
        self._listening.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listening, self._accept)
        opened: int = self._listening.getsockname()[1]
        return opened

    async def close(self) -> None:
        """Listen no more, and hang up."""
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    def _accept(self) -> None:
        if self._listening is None:
            return
        try:
            connected, _ = self._listening.accept()
        except OSError:
            return  # it is gone already
        if not self._answers() or len(self._sessions) == SESSIONS:
            connected.close()
            return
        from bmprov.sim.ssh_session import serve

        session = asyncio.get_running_loop().create_task(serve(connected, self._serial, self._lets_in, self._host_key))
        self._sessions = (*self._sessions, session)
        session.add_done_callback(self._ended)

    def _ended(self, session: asyncio.Task[None]) -> None:
        self._sessions = tuple(one for one in self._sessions if one is not session)
