"""A line over a BMC's SSH: passwords, host keys, the BMC's own shell, breaks, and how it ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from bmprov.errors import BmcAuthFailed, BmcRefused, BmcUnreachable
from bmprov.hardware import Console, ConsoleKind
from bmprov.power import BmcLogin
from tests.contract.bmcs import PASSWORD, USER, free_tcp_port
from tests.worker.console.ear import Ear, comes
from tests.worker.console.ssh_bmc import PROMPT, SshBmc, ssh_bmc
from worker.console.ssh_line import SshLine

LOGIN = BmcLogin("redfish://127.0.0.1", USER, PASSWORD)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


async def talks(bmc: SshBmc, ear: Ear) -> SshLine:
    line = await SshLine.open(LOGIN, bmc.console, "", ear)
    await ear.hears(b"Connected")
    bmc.write(b"lab login: ")
    await ear.hears(b"lab login: ")
    line.write(b"root\r\xff")
    line.send_break()
    await comes(lambda: bmc.said == b"root\r\xff" and bmc.breaks == 1)
    return line


def test_ssh_that_leads_to_the_machine() -> None:
    async def test() -> None:
        async with ssh_bmc() as bmc:
            ear = Ear()
            line = await talks(bmc, ear)
            await line.close()
            assert not ear.why

    run(test())


def test_ssh_that_leads_to_the_bmcs_shell_first() -> None:
    """As on iDRAC and iLO: what is typed there is the command alone, and after the prompt."""

    async def test() -> None:
        async with ssh_bmc("console com2") as bmc:
            ear = Ear()
            line = await talks(bmc, ear)
            assert PROMPT in ear.said
            await line.close()

    run(test())


def test_a_host_key_that_changes_is_not_believed() -> None:
    async def test() -> None:
        async with ssh_bmc() as bmc:
            line = await SshLine.open(LOGIN, bmc.console, "", Ear())
            pinned = line.host_key
            assert pinned.startswith("SHA256:")
            await line.close()
            again = await SshLine.open(LOGIN, bmc.console, pinned, Ear())
            await again.close()
            port = bmc.port
        async with ssh_bmc(port=port) as other:
            with pytest.raises(BmcRefused, match="host key") as refused:
                await SshLine.open(LOGIN, other.console, pinned, Ear())
            assert "set-bmc" in refused.value.check

    run(test())


def test_a_bmc_that_closes_is_told() -> None:
    async def test() -> None:
        async with ssh_bmc() as bmc:
            ear = Ear()
            line = await SshLine.open(LOGIN, bmc.console, "", ear)
            await ear.hears(b"Connected")
            bmc.sessions[0].close()
            assert "closed" in await ear.loses()
            line.write(b"x")
            await line.close()

    run(test())


def test_a_wrong_password_nobody_and_a_stranger_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.console.ssh_line.OPEN_S", 4.0)

    async def test() -> None:
        async with ssh_bmc() as bmc:
            wrong = BmcLogin(LOGIN.address, USER, "hunter2")
            with pytest.raises(BmcAuthFailed) as refused:
                await SshLine.open(wrong, bmc.console, "", Ear())
            assert "hunter2" not in str(refused.value)
        nobody = Console(ConsoleKind.SSH, f"ssh://127.0.0.1:{free_tcp_port()}")
        with pytest.raises(BmcUnreachable):
            await SshLine.open(LOGIN, nobody, "", Ear())
        words = b"HTTP/1.1 400 no\r\n\r\n" * 100
        stranger = await asyncio.start_server(lambda _reader, writer: writer.write(words), "127.0.0.1", 0)
        port = stranger.sockets[0].getsockname()[1]
        with pytest.raises((BmcRefused, BmcUnreachable)):
            await SshLine.open(LOGIN, Console(ConsoleKind.SSH, f"ssh://127.0.0.1:{port}"), "", Ear())
        stranger.close()

    run(test())


def test_a_bmc_that_is_silent_ends_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.console.ssh_line.OPEN_S", 1.0)

    async def test() -> None:
        silent = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        with pytest.raises(BmcUnreachable, match="no answer within"):
            await SshLine.open(LOGIN, Console(ConsoleKind.SSH, f"ssh://127.0.0.1:{port}"), "", Ear())
        silent.close()

    run(test())
