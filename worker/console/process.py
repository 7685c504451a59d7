"""The process behind `bmprov console`. The entry point that builds everything."""

import asyncio
import signal
from pathlib import Path

from bmprov import tls
from bmprov.errors import Fatal
from bmprov.heartbeat import Heart
from bmprov.queue import JobQueue
from bmprov.settings import Settings
from bmprov.signs import Part
from bmprov.store import Store
from bmprov.vault import Vault
from worker.console.house import House
from worker.console.lines import Lines
from worker.console.server import ConsoleServer, serve
from worker.drivers.choice import Drivers


def run_console(settings: Settings) -> None:
    """Serve consoles until SIGTERM.

    Raises:
        Fatal: the certificate is not usable, or the address cannot be listened on.
    """
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    api, console = settings.api, settings.console
    tls.ensure(api.certificate, api.key, tls.names_of(console.listen))
    context = tls.server_context(api.certificate, api.key)
    store, vault = Store(settings.database, pool_size=4), Vault.from_file(settings.key_file)
    queue = JobQueue(settings.redis, pause_s=settings.worker.bmc_pause_s)
    lines = Lines(store, Drivers(vault, queue, urgent=True))
    house = House(store, lines, Path(console.record) if console.record else None)
    Heart(settings.redis, Part.CONSOLE, settings.site).start()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await serve(ConsoleServer(house, queue, vault), console.listen, console.port, context, stop)
    except OSError as error:
        raise Fatal(
            f"consoles cannot be served on {console.listen} port {console.port} ({error.strerror or error})",
            "look who listens there with `ss -ltnp`, and at the settings console.listen and console.port",
        ) from error
