"""One SSH connection to a simulated BMC, whose shell is the serial port of the machine (RFC 4254; breaks: RFC 4335)."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import asyncssh

from bmprov.sim.serial_port import SerialPort

_CHUNK = 4096
_LOGIN_S = 60


async def serve(connected: socket.socket, serial: SerialPort, lets_in: Callable[[str, str], bool], key: Path) -> None:
    """Serve a connection until it ends."""

    async def talk(process: "asyncssh.SSHServerProcess[bytes]") -> None:
        serial.listen(process.stdout.write)
        try:
            while typed := await _typed(process, serial):
                serial.type(typed)
        finally:
            serial.leave(process.stdout.write)
            process.close()

    try:
        connection = await asyncssh.run_server(
            connected,
            config=None,
            server_factory=lambda: _Login(lets_in),
            server_host_keys=[_host_key(key)],
            process_factory=talk,
            encoding=None,
            line_editor=False,
            login_timeout=_LOGIN_S,
        )
    except (asyncssh.Error, OSError, TimeoutError):
        connected.close()  # it went away, or was not let in
        return
    try:
        await connection.wait_closed()
    finally:
        connection.abort()


async def _typed(process: "asyncssh.SSHServerProcess[bytes]", serial: SerialPort) -> bytes:
    """What is typed next; empty at the end."""
    while True:
        try:
            return await process.stdin.read(_CHUNK)
        except asyncssh.BreakReceived:
            serial.type(None)
        except (asyncssh.TerminalSizeChanged, asyncssh.SignalReceived):
            continue
        except (asyncssh.Error, OSError):
            return b""


class _Login(asyncssh.SSHServer):
    """Passwords only, as the BMC has them."""

    def __init__(self, lets_in: Callable[[str, str], bool]) -> None:
        self._lets_in = lets_in

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - asyncssh's
        """Nobody gets in without."""
        return True

    def password_auth_supported(self) -> bool:
        """Yes."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Whether these are somebody's."""
        return self._lets_in(username, password)


def _host_key(path: Path) -> asyncssh.SSHKey:
    """The key in this file. It stays, because bmprov believes the first that it sees and no other."""
    try:
        return asyncssh.read_private_key(path)
    except OSError:
        key = asyncssh.generate_private_key("ssh-ed25519")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.export_private_key())
        return key
