"""`bmprov console` from a browser's side of the web socket, with a real Valkey and OpenIPMI's ipmi_sim behind it."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bmprov import tls
from bmprov.console import Admission, issue
from bmprov.deadline import Deadline
from bmprov.hardware import Console, ConsoleKind
from bmprov.lifecycle import Event, State
from bmprov.model import AuditEvent, Bmc, Instance, Machine
from bmprov.power import BmcLogin
from bmprov.queue import JobQueue
from bmprov.store import Store
from bmprov.vault import Vault
from tests import databases
from tests.contract.bmcs import PASSWORD, USER, IpmiSimMachine, free_udp_port
from tests.worker.console.ear import comes
from tests.worker.console.serial_port import SerialPort
from tests.worker.console.ssh_bmc import ssh_bmc
from worker.console.house import House
from worker.console.lines import Lines
from worker.console.server import ConsoleServer
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.choice import Drivers
from worker.drivers.ipmi_serial import close_serial, open_serial

WITHIN_S = 15


@dataclass
class Browser:
    """A web socket of the console's page: what was told, newest last, and what the terminal shows."""

    socket: aiohttp.ClientWebSocketResponse
    told: dict[str, Any] = field(default_factory=dict)
    shown: bytes = b""

    async def ask(self, **request: object) -> None:
        await self.socket.send_str(json.dumps(request))

    async def type(self, characters: bytes) -> None:
        await self.socket.send_bytes(characters)

    async def until(self, holds: Callable[["Browser"], object]) -> None:
        """Read until it holds."""
        async with asyncio.timeout(WITHIN_S):
            while not holds(self):
                message = await self.socket.receive()
                if message.type is aiohttp.WSMsgType.BINARY:
                    self.shown += message.data
                elif message.type is aiohttp.WSMsgType.TEXT:
                    self.told |= json.loads(message.data)
                else:
                    raise AssertionError(f"the socket was closed: {self.told}")

    async def shows(self, characters: bytes) -> None:
        await self.until(lambda browser: characters in browser.shown)

    async def ended(self) -> str:
        await self.until(lambda browser: "ended" in browser.told)
        return str(self.told["ended"])


@dataclass
class Service:
    """A running console service with one machine, that an instance has."""

    store: Store
    queue: JobQueue
    vault: Vault
    folder: Path
    port: int = 0
    context: ssl.SSLContext | None = None
    client: aiohttp.ClientSession | None = None

    def ticket(self, who: str = "alice", instance: str = "", *, may_write: bool = True) -> str:
        return issue(self.queue, self.vault, Admission("m", who, instance, may_write=may_write))

    async def connect(self, first: dict[str, Any] | str, **headers: str) -> Browser:
        assert self.client is not None
        url = f"https://localhost:{self.port}/console/ws"
        browser = Browser(await self.client.ws_connect(url, ssl=self.context, headers=headers))
        await browser.socket.send_str(first if isinstance(first, str) else json.dumps(first))
        return browser

    async def open(self, who: str = "alice", instance: str = "", *, may_write: bool = True) -> Browser:
        """Somebody at the open console."""
        browser = await self.connect({"ticket": self.ticket(who, instance, may_write=may_write)})
        await browser.until(lambda browser: "writing" in browser.told)
        return browser

    def events(self) -> list[AuditEvent]:
        """What was logged of consoles, oldest first."""
        with self.store.read() as transaction:
            return [one for one in reversed(transaction.events.newest()) if one.what.startswith("console")]

    @asynccontextmanager
    async def running(self, records: Path | None = None) -> AsyncIterator["Service"]:
        """Serve while the block lasts."""
        certificate, key = self.folder / "c.pem", self.folder / "c.key"
        tls.ensure(certificate, key, ["localhost"])
        house = House(self.store, Lines(self.store, Drivers(self.vault, self.queue, urgent=True)), records)
        runner = web.AppRunner(ConsoleServer(house, self.queue, self.vault).application())
        await runner.setup()
        try:
            await web.TCPSite(runner, "localhost", 0, ssl_context=tls.server_context(certificate, key)).start()
            self.port = runner.addresses[0][1]
            self.context = ssl.create_default_context(cafile=str(certificate))
            async with aiohttp.ClientSession() as self.client:
                yield self
        finally:
            await runner.cleanup()


def service_of(tmp_path: Path, valkey: str, login: BmcLogin) -> Service:
    Vault.create_file(tmp_path / "secret.key")
    vault, queue = Vault.from_file(tmp_path / "secret.key"), JobQueue(valkey)
    queue.redis.flushall()
    store = Store(databases.sqlite(tmp_path / "bmprov.db"))
    bmc = Bmc(login.address, login.user, vault.seal(login.password.encode()))
    with store.write() as transaction:
        transaction.machines.add(Machine("m", "rack1-07", bmc, (), state=State.RESERVED))
        transaction.instances.add(Instance("i", "i-2-3-VM", "c1", "h", "m", b""))
        found = transaction.machines.get("m")
        assert found is not None
        transaction.machines.apply(found, Event.DEPLOY, instance_id="i")
        found = transaction.machines.get("m")
        assert found is not None
        transaction.machines.apply(found, Event.DEPLOYED)
    return Service(store, queue, vault, tmp_path)


@pytest.fixture
def service(tmp_path: Path, valkey: str, machine: IpmiSimMachine) -> Service:
    return service_of(tmp_path, valkey, machine.login)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_typing_at_the_machine(service: Service, port: SerialPort) -> None:
    async def test() -> None:
        async with service.running():
            alice = await service.open()
            assert (alice.told["machine"], alice.told["writing"]) == ("rack1-07", True)
            port.write(b"lab login: ")
            await alice.shows(b"lab login: ")
            await alice.type(b"root\r")
            await comes(lambda: port.said == b"root\r")
            await alice.socket.close()

    run(test())
    opened, closed = service.events()
    assert (opened.what, opened.actor, opened.machine) == ("console opened", "alice", "rack1-07")
    assert opened.origin in ("127.0.0.1", "::1")
    assert closed.what == "console closed"
    assert "11 bytes read, 5 typed" in closed.detail
    assert "root" not in repr(service.events()), "what is typed is nobody's business"


def test_a_ticket_opens_once(service: Service) -> None:
    async def test() -> None:
        async with service.running():
            ticket = service.ticket()
            first = await service.connect({"ticket": ticket})
            await first.until(lambda browser: "writing" in browser.told)
            second = await service.connect({"ticket": ticket})
            assert "used before" in await second.ended()

    run(test())


@pytest.mark.parametrize("first", [{"ticket": "guessed"}, {"ticket": 7}, {}, "[", "[]", '"x"'])
def test_without_a_ticket_nothing_is_shown(service: Service, first: dict[str, Any] | str) -> None:
    async def test() -> None:
        async with service.running():
            browser = await service.connect(first)
            assert await browser.ended()
            assert set(browser.told) == {"ended", "check"}

    run(test())
    assert not service.events()


def test_who_can_write_to_redis_can_make_no_ticket(service: Service) -> None:
    """And a ticket is valid for a minute."""

    async def test() -> None:
        async with service.running():
            ticket = service.ticket()
            (name,) = service.queue.redis.keys("*console*")
            assert ticket.encode() not in name, "Redis has its hash"
            assert 55 < service.queue.redis.ttl(name) <= 60
            service.queue.redis.set(name, json.dumps({"machine_id": "m", "who": "mallory"}))
            browser = await service.connect({"ticket": ticket})
            assert "used before" in await browser.ended()

    run(test())


def test_another_page_gets_no_socket(service: Service) -> None:
    async def test() -> None:
        async with service.running():
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await service.connect({"ticket": service.ticket()}, Origin="https://evil.example")
            ours = await service.connect({"ticket": service.ticket()}, Origin=f"https://localhost:{service.port}")
            await ours.until(lambda browser: "writing" in browser.told)

    run(test())


def test_one_writes_and_others_watch(service: Service, port: SerialPort) -> None:
    async def test() -> None:
        async with service.running():
            alice = await service.open("alice")
            port.write(b"before bob came; ")
            await alice.shows(b"before bob came")
            bob, viewer = await service.open("bob"), await service.open("viewer", may_write=False)
            await bob.shows(b"before bob came")
            assert (bob.told["writing"], bob.told["writer"]) == (False, "alice")
            await bob.type(b"BOB")
            await viewer.ask(keyboard=True)
            await viewer.type(b"VIEWER")
            await alice.type(b"alice")
            await comes(lambda: port.said == b"alice")
            await bob.ask(keyboard=True)
            await bob.until(lambda browser: browser.told["writing"])
            await alice.until(lambda browser: browser.told["writer"] == "bob" and not browser.told["writing"])
            await alice.type(b"ALICE")
            await bob.type(b"bob")
            await comes(lambda: port.said == b"alicebob")
            await bob.socket.close()
            await alice.until(lambda browser: browser.told["writer"] == "")
            port.write(b"for all")
            await asyncio.gather(alice.shows(b"for all"), viewer.shows(b"for all"))

    run(test())
    assert ["bob", "from alice"] in [[one.actor, one.detail] for one in service.events()]


def test_the_console_is_closed_after_the_last_and_opens_again(service: Service, machine: IpmiSimMachine) -> None:
    async def test() -> None:
        async with service.running():
            for _ in range(3):
                alice, bob = await service.open(), await service.open("bob")
                await alice.socket.close()
                await bob.socket.close()
                await comes(lambda: len(service.events()) % 4 == 0)
            by = Deadline.after(5)
            session = await asyncio.to_thread(open_serial, machine.login, LocalBmcLock(), {}, by)
            close_serial(session, by)

    run(test())


def test_many_come_and_go_at_once_and_share_one_line(service: Service, port: SerialPort) -> None:
    """Whoever comes while the line is being opened or closed waits for that, and is told no fault of ours."""

    async def visit(number: int) -> None:
        browser = await service.open(f"visitor {number}")
        await asyncio.sleep(0.02 * (number % 5))
        await browser.socket.close()

    async def test() -> None:
        async with service.running():
            for round_ in range(4):
                await asyncio.gather(*(visit(10 * round_ + number) for number in range(10)))
            alice = await service.open()
            port.write(b"still there")
            await alice.shows(b"still there")

    run(test())


def test_a_console_that_another_program_has_is_taken_over_on_demand(
    service: Service, machine: IpmiSimMachine, port: SerialPort
) -> None:
    async def test() -> None:
        session = await asyncio.to_thread(open_serial, machine.login, LocalBmcLock(), {}, Deadline.after(5))
        async with service.running():
            browser = await service.connect({"ticket": service.ticket()})
            await browser.until(lambda browser: "another program" in browser.told.get("in_use", ""))
            viewer = await service.connect({"ticket": service.ticket("viewer", may_write=False)})
            await viewer.until(lambda browser: "in_use" in browser.told)
            await viewer.ask(take_over=True)
            await browser.ask(take_over=True)
            await browser.until(lambda browser: browser.told.get("writing"))
            port.write(b"taken")
            await browser.shows(b"taken")
            assert "writing" not in viewer.told
        await asyncio.to_thread(close_serial, session, Deadline.after(1))

    run(test())


def test_a_tenants_console_ends_with_the_instance_and_an_operators_does_not(service: Service) -> None:
    async def test() -> None:
        async with service.running():
            tenant, operator = await service.open("tenant", "i"), await service.open("operator")
            with service.store.write() as transaction:
                found = transaction.machines.get("m")
                assert found is not None
                transaction.machines.apply(found, Event.RELEASE)
            assert "no longer has this machine" in await tenant.ended()
            await operator.until(lambda browser: browser.told["watching"] == 0)
            late = await service.connect({"ticket": service.ticket("tenant", "i")})
            assert "no longer has this machine" in await late.ended()

    run(test())


def test_what_the_machine_writes_is_kept_only_when_that_is_asked_for(service: Service, port: SerialPort) -> None:
    async def test(records: Path | None) -> None:
        async with service.running(records):
            alice = await service.open()
            assert alice.told["recorded"] is (records is not None)
            port.write(b"written by the machine")
            await alice.shows(b"written by the machine")
            await alice.type(b"secret")
            await comes(lambda: b"secret" in port.said)

    before = set(service.folder.rglob("*"))
    run(test(None))
    assert not [path for path in set(service.folder.rglob("*")) - before if path.suffix == ".log"]
    run(test(service.folder / "records"))
    (kept,) = (service.folder / "records").iterdir()
    assert kept.read_bytes() == b"written by the machine"
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("console", "words"),
    [
        (Console(ConsoleKind.GRAPHICAL, "https://10.0.0.9/"), "no serial console"),
        (Console(ConsoleKind.NONE), "offers no console"),
    ],
)
def test_a_machine_without_a_serial_console(service: Service, console: Console, words: str) -> None:
    async def test() -> None:
        with service.store.write() as transaction:
            transaction.consoles.keep("m", console)
        async with service.running():
            browser = await service.connect({"ticket": service.ticket()})
            assert words in await browser.ended()
            assert browser.told.get("graphical") == (console.address or None)

    run(test())


def test_a_bmc_that_is_not_there(tmp_path: Path, valkey: str) -> None:
    service = service_of(tmp_path, valkey, BmcLogin(f"ipmi://127.0.0.1:{free_udp_port()}", USER, PASSWORD))

    async def test() -> None:
        async with service.running():
            browser = await service.connect({"ticket": service.ticket()})
            assert "is not there" in await browser.ended()
            assert browser.told["check"]

    run(test())


def test_the_bmc_dies_in_the_middle(service: Service, machine: IpmiSimMachine) -> None:
    async def test() -> None:
        async with service.running():
            alice = await service.open()
            machine.process.kill()
            await alice.type(b"x")
            assert "not there any more" in await alice.ended()
            assert alice.told["check"] == "open the console again"

    run(test())


def test_an_ssh_console_keeps_the_host_key_it_was_first_shown(service: Service) -> None:
    async def test() -> None:
        async with ssh_bmc() as bmc, service.running():
            with service.store.write() as transaction:
                transaction.consoles.keep("m", bmc.console)
            alice = await service.open()
            await alice.shows(b"Connected")
            await alice.type(b"hello")
            await comes(lambda: bmc.said == b"hello")
            await alice.socket.close()
            with service.store.read() as transaction:
                assert transaction.consoles.host_key("m").startswith("SHA256:")
            port = bmc.port
        async with ssh_bmc(port=port), service.running():
            browser = await service.connect({"ticket": service.ticket()})
            assert "host key" in await browser.ended()

    run(test())


def test_the_page_and_nothing_else_is_served(service: Service) -> None:
    async def test() -> None:
        async with service.running():
            assert service.client is not None
            base = f"https://localhost:{service.port}"
            for path in ("console", "console/console.js", "console/console.css", "console/xterm.mjs"):
                async with service.client.get(f"{base}/{path}", ssl=service.context) as answer:
                    assert answer.status == 200
                    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
                    assert answer.headers["X-Content-Type-Options"] == "nosniff"
            for path in ("", "console/ws", "console/../process.py", "console/%2e%2e/process.py", "console/x"):
                async with service.client.get(f"{base}/{path}", ssl=service.context) as answer:
                    assert answer.status in (400, 404)

    run(test())
