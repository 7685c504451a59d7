"""Simulated switches' SSH: a real server (asyncssh) with a terminal that echoes, in a thread of the test's process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import asyncssh

from tests.sim_switch.device import BreaksOffError, Device, Shell


class SwitchServers:
    """SSH servers on one event loop in a thread of its own, with a count of sessions and of refused logins."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.sessions = self.refusals = 0
        self._thread = threading.Thread(target=self.loop.run_forever, name="simulated switches")
        self._listening: list[asyncssh.SSHAcceptor] = []
        self._thread.start()

    def start(self, device: Device) -> int:
        """A server for the switch on the port of 127.0.0.1 that is returned."""
        return asyncio.run_coroutine_threadsafe(self._start(device), self.loop).result()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _start(self, device: Device) -> int:
        async def serve(process: "asyncssh.SSHServerProcess[str]") -> None:
            self.sessions += 1
            device.sessions += 1
            device.most_sessions = max(device.most_sessions, device.sessions)
            try:
                await _terminal(device, device.shell(), process)
            finally:
                device.sessions -= 1

        acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[self.key],
            server_factory=lambda: _Passwords(self, device),
            process_factory=serve,
            line_editor=False,
        )
        self._listening.append(acceptor)
        return acceptor.get_port()

    async def _stop(self) -> None:
        for acceptor in self._listening:
            acceptor.close()
            await acceptor.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class _Passwords(asyncssh.SSHServer):
    def __init__(self, servers: SwitchServers, device: Device) -> None:
        self._servers = servers
        self._device = device

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - asyncssh's
        return True

    def password_auth_supported(self) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return bool(self._device.trusted_key)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        known = key.export_public_key().split()[:2] == self._device.trusted_key.encode().split()[:2]
        return known and username == self._device.user

    async def validate_password(self, username: str, password: str) -> bool:
        await asyncio.sleep(self._device.faults.login_s)
        if (username, password) == (self._device.user, self._device.password):
            return True
        self._servers.refusals += 1
        return False


async def _terminal(device: Device, shell: Shell, process: "asyncssh.SSHServerProcess[str]") -> None:
    if device.faults.silent:
        await asyncio.sleep(60)
    process.stdout.write(f"\r\n{shell.prompt}")
    try:
        while line := await process.stdin.readline():
            if device.faults.hangs_at and line.startswith(device.faults.hangs_at):
                await asyncio.sleep(device.faults.hangs_s)
            echo = "" if shell.hides else line.strip()
            text = await asyncio.to_thread(device.answer, shell, line)
            if shell.ended:
                break
            told = [echo, *text.strip("\n").splitlines()]
            process.stdout.write("".join(f"{one}\r\n" for one in told) + shell.prompt)
    except (BreaksOffError, asyncssh.Error, OSError):
        process.channel.get_connection().abort()
        return
    process.exit(0)


@contextmanager
def switch_servers() -> Iterator[SwitchServers]:
    """Where simulated switches can be started."""
    servers = SwitchServers()
    try:
        yield servers
    finally:
        servers.stop()
