"""A BMC's SSH, by asyncssh's server: to the machine itself, or to a shell of its own from where one gets there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncssh

from bmprov.hardware import Console, ConsoleKind
from tests.contract.bmcs import PASSWORD, USER

PROMPT = b"racadm>>"


@dataclass
class SshBmc:
    """`said` is what was typed at the machine; `breaks` counts breaks. `shell` is the command that leads there."""

    shell: str = ""
    port: int = 0
    said: bytes = b""
    breaks: int = 0
    sessions: "list[asyncssh.SSHServerProcess[bytes]]" = field(default_factory=list)

    @property
    def console(self) -> Console:
        return Console(ConsoleKind.SSH, f"ssh://127.0.0.1:{self.port}", self.shell)

    def write(self, characters: bytes) -> None:
        for session in self.sessions:
            session.stdout.write(characters)

    async def serve(self, session: "asyncssh.SSHServerProcess[bytes]") -> None:
        if self.shell:
            session.stdout.write(b"\r\nWelcome\r\n" + PROMPT + b" ")
            typed = b""
            while not typed.endswith(b"\r"):
                typed += await _read(session, self)
            if typed != self.shell.encode() + b"\r":
                session.stdout.write(b"unknown command\r\n")
                session.exit(1)
                return
        self.sessions.append(session)
        session.stdout.write(b"Connected to serial device\r\n")
        while typed := await _read(session, self):
            self.said += typed


async def _read(session: "asyncssh.SSHServerProcess[bytes]", bmc: SshBmc) -> bytes:
    while True:
        try:
            return await session.stdin.read(1000)
        except asyncssh.BreakReceived:
            bmc.breaks += 1
        except asyncssh.TerminalSizeChanged:
            continue


class _Login(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


@asynccontextmanager
async def ssh_bmc(shell: str = "", port: int = 0) -> AsyncIterator[SshBmc]:
    """One that runs for as long as the block lasts, with a host key of its own."""
    bmc = SshBmc(shell)
    server = await asyncssh.create_server(
        _Login,
        "127.0.0.1",
        port,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=bmc.serve,
        encoding=None,
        line_editor=False,
    )
    bmc.port = server.get_port()
    try:
        yield bmc
    finally:
        server.close()
        for session in bmc.sessions:
            session.close()
        await asyncio.wait_for(server.wait_closed(), 10)
