"""A serial port over SSH (Redfish ComputerSystem, `SerialConsole.SSH`), by asyncssh.

Redfish does not tell a BMC's host key. The first that is shown is kept and from then on the only one that is believed,
until the machine's BMC is told anew (`bmprov machine set-bmc`).
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self
from urllib.parse import urlsplit

import asyncssh

from bmprov.errors import BmcAuthFailed, BmcBusy, BmcRefused, BmcUnreachable
from bmprov.hardware import Console
from bmprov.power import BmcLogin
from worker.console.line import Listener

OPEN_S = 12.0
_PORT = 22
_PROMPT_S = 3.0
_CLOSE_S = 2.0
_BREAK_MS = 500
_KEEPALIVE_S = 10
_CHUNK = 4096
_PROMPTS = (b">", b"$", b"#")
_COLUMNS_AND_ROWS = (80, 24)


class SshLine:
    """An open line. Made by `open`; `host_key` is the fingerprint that the BMC has shown."""

    name = "the BMC's SSH"

    def __init__(
        self,
        connection: asyncssh.SSHClientConnection,
        process: "asyncssh.SSHClientProcess[bytes]",
        host_key: str,
        listener: Listener,
    ) -> None:
        self._connection = connection
        self._process = process
        self._listener = listener
        self._closing = False
        self.host_key = host_key
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def open(cls, login: BmcLogin, console: Console, pinned: str, listener: Listener) -> Self:
        """Open it. `pinned` is the host key's fingerprint, empty for one that is not known yet.

        Raises:
            BmcUnreachable, BmcBusy, BmcAuthFailed, BmcRefused: as `PowerDriver` has them.
        """
        client = _Client(pinned)
        with _explained(login, console.address, client):
            async with asyncio.timeout(OPEN_S):
                connection, process = await _connect(login, console, client, listener)
        return cls(connection, process, client.shown, listener)

    def write(self, characters: bytes) -> None:
        """Type these."""
        with suppress(OSError):  # it is gone, which `_read` tells
            self._process.stdin.write(characters)

    def send_break(self) -> None:
        """Send a break (RFC 4335)."""
        self._process.channel.send_break(_BREAK_MS)

    async def close(self) -> None:
        """Close the session and the connection."""
        self._closing = True
        self._process.close()
        self._connection.close()
        with suppress(TimeoutError, asyncssh.Error, OSError):
            async with asyncio.timeout(_CLOSE_S):
                await self._connection.wait_closed()
        self._connection.abort()
        self._reading.cancel()

    async def _read(self) -> None:
        try:
            while characters := await self._process.stdout.read(_CHUNK):
                self._listener.heard(characters)
        except (asyncssh.Error, OSError) as error:
            why = f"the connection to the BMC broke ({error})"
        else:
            why = "the BMC has closed the console"
        if not self._closing:
            self._listener.lost(why)
            self._connection.abort()


class _Client(asyncssh.SSHClient):
    """Believes the host key that is pinned, and the first when none is."""

    def __init__(self, pinned: str) -> None:
        self.pinned = pinned
        self.shown = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - asyncssh's
        """Whether this is the key."""
        self.shown = key.get_fingerprint()
        return not self.pinned or self.shown == self.pinned


async def _connect(
    login: BmcLogin, console: Console, client: _Client, listener: Listener
) -> "tuple[asyncssh.SSHClientConnection, asyncssh.SSHClientProcess[bytes]]":
    parts = urlsplit(console.address)
    connection = await asyncssh.connect(
        parts.hostname or "",
        parts.port or _PORT,
        username=login.user,
        password=login.password,
        client_factory=lambda: client,
        known_hosts=([], [], []),
        client_keys=None,
        agent_path=None,
        config=None,
        keepalive_interval=_KEEPALIVE_S,
    )
    try:
        process = await connection.create_process(
            term_type="xterm", term_size=_COLUMNS_AND_ROWS, encoding=None, stderr=asyncssh.STDOUT
        )
        await _enter(process, console.enter, listener)
    except BaseException:
        connection.abort()
        raise
    return connection, process


@contextmanager
def _explained(login: BmcLogin, address: str, client: _Client) -> Iterator[None]:
    """Asyncssh's errors as ours."""
    try:
        yield
    except asyncssh.PermissionDenied as error:
        raise BmcAuthFailed(login.address, login.user) from error
    except asyncssh.HostKeyNotVerifiable as error:
        raise BmcRefused(
            f"the SSH host key of {address} is {client.shown} and not {client.pinned}, as it was before",
            "if the BMC was replaced or reset, tell it anew with `bmprov machine set-bmc`",
        ) from error
    except asyncssh.ChannelOpenError as error:
        raise BmcBusy(f"{address} opens no console ({error.reason})", "close another session on it") from error
    except (OSError, TimeoutError) as error:
        why = str(error) or f"no answer within {OPEN_S:.0f} s"
        raise BmcUnreachable(f"{address} does not answer ({why})", "check that SSH is enabled there") from error
    except asyncssh.Error as error:
        raise BmcRefused(f"{address} refused ({error.reason})", "check the BMC's SSH settings") from error


async def _enter(process: "asyncssh.SSHClientProcess[bytes]", command: str, listener: Listener) -> None:
    """Get from the BMC's own shell to the machine: wait for its prompt, as far as it has one, and type the command."""
    if not command:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(_PROMPT_S):
            while told := await process.stdout.read(_CHUNK):
                listener.heard(told)
                if told.rstrip().endswith(_PROMPTS):
                    break
    process.stdin.write(command.encode() + b"\r")
