"""The scene on a real service: `python -m tests.scene.served` serves it until Ctrl-C and says how to look at it."""

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bmprov.heartbeat import Heart
from bmprov.model import Role
from bmprov.serve import build
from bmprov.settings import ApiSettings, Settings, dump
from bmprov.signs import Part
from bmprov.vault import Vault
from tests import databases
from tests.bmprov.web.signing_in import signed_in
from tests.scene import PASSWORD, Clock, Scene, play
from tests.valkey import valkey_server

_PARTS = (Part.API, Part.WATCH, Part.DHCP, Part.TFTP, Part.HTTP, Part.CONSOLE)
_LISTENS = re.compile(r"Listening at: (https://127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class Served:
    """A service: where its pages are, its certificate, and the secret of an administrator's session."""

    url: str
    certificate: Path
    session: str
    scene: Scene


@contextmanager
def served(tell: Callable[[Scene], None] = play) -> Iterator[Served]:
    """A service whose store and Redis `tell` has filled; nothing but its API runs, the rest only says that it does."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bmprov-scene-")))
        settings = _settings(folder, stack.enter_context(valkey_server()))
        services = build(settings)
        stack.enter_context(closing(services.store))
        services.store.clock = clock = Clock(time.time())
        scene = Scene(services, clock)
        tell(scene)
        session = signed_in(services.store, Role.ADMIN, "ann", "with a password")
        for name in ("worker-1", "worker-2"):
            _beat(stack, settings, Part.WORKER, name)
        for part in _PARTS:
            _beat(stack, settings, part)
        url = stack.enter_context(_process(folder, settings))
        yield Served(url, settings.api.certificate, session, scene)


def _settings(folder: Path, redis: str) -> Settings:
    Vault.create_file(folder / "secret.key")
    (folder / "images").mkdir()
    return Settings(
        database=databases.sqlite(folder / "bmprov.db"),
        redis=redis,
        key_file=folder / "secret.key",
        images=folder / "images",
        api=ApiSettings(port=0, certificate=folder / "api.pem", key=folder / "api.key", processes=1),
    )


def _beat(stack: ExitStack, settings: Settings, part: Part, name: str = "") -> None:
    heart = Heart(settings.redis, part, settings.site, name)
    heart.start()
    stack.callback(heart.stop)


@contextmanager
def _process(folder: Path, settings: Settings) -> Iterator[str]:
    file = folder / "bmprov.toml"
    file.write_text(dump(settings))
    argv = [sys.executable, "-m", "bmprov", "serve", "--config", str(file)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield _url(process)
        finally:
            process.terminate()


def _url(process: subprocess.Popen[str]) -> str:
    said = []
    for line in process.stderr or ():
        said.append(line)
        if found := _LISTENS.search(line):
            threading.Thread(target=(process.stderr or sys.stderr).read, daemon=True).start()  # else the pipe fills
            return found.group(1)
    raise AssertionError(f"serve ended: {''.join(said)}")


if __name__ == "__main__":
    with served() as service:
        print(f"{service.url}: sign in as ann, bob or vera with '{PASSWORD}'", flush=True)
        threading.Event().wait()
