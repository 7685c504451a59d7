"""A bmprov of its own for a bench: `bmprov up` in a temporary folder, spoken to over its REST API."""

import configparser
import http.client
import json
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bmprov.deadline import Deadline
from tests.bench.measure import CONNECT_TIMEOUT_S, BenchError, Target, wait_for

START_S = 300.0
STOP_S = 30.0


@dataclass(frozen=True)
class Login:
    """Where an API is and a token for it."""

    endpoint: str
    token: str
    ca: str

    @classmethod
    def from_file(cls, path: Path) -> "Login":
        """The login that `up` has written."""
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(path)
        section = parser["bmprov"]
        return cls(section["endpoint"], section["token"], section["ca"])

    def target(self, path: str) -> Target:
        """A path of the API as something to ask again and again."""
        url = urllib.parse.urlsplit(self.endpoint)
        return Target(str(url.hostname), int(url.port or 443), path, {"Authorization": f"Bearer {self.token}"}, self.ca)


class Client:
    """One keep-alive connection to the API."""

    def __init__(self, login: Login) -> None:
        url = urllib.parse.urlsplit(login.endpoint)
        trust = ssl.create_default_context(cafile=login.ca)
        self._token = login.token
        self._connection = http.client.HTTPSConnection(
            str(url.hostname), url.port, timeout=CONNECT_TIMEOUT_S, context=trust
        )

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """The answer's JSON; any status of 300 and above is a `BenchError`."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        self._connection.request(method, f"/api/v1{path}", json.dumps(body) if body is not None else None, headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status >= http.HTTPStatus.MULTIPLE_CHOICES:
            raise BenchError(f"{method} {path} was answered {response.status}: {content[:300]!r}")
        return json.loads(content) if content else None


@dataclass(frozen=True)
class Service:
    """A running `bmprov up`."""

    folder: Path
    pid: int

    @property
    def admin(self) -> Login:
        """An administrator's login."""
        return Login.from_file(self.folder / "client.ini")

    @property
    def cloud(self) -> Login:
        """The extension's login."""
        return Login.from_file(self.folder / "extension.ini")

    @property
    def database(self) -> str:
        """The URL of its database, for preparing what no API call should be timed for."""
        import tomllib

        return str(tomllib.loads((self.folder / "bmprov.toml").read_text())["database"])


@contextmanager
def running(*options: str, settings: str = "") -> Iterator[Service]:
    """Start `bmprov up` with these options, and end it. `settings` is TOML that `up` finds in its folder."""
    with tempfile.TemporaryDirectory(prefix="bench-bmprov-") as name:
        folder = Path(name)
        if settings:
            (folder / "bmprov.toml").write_text(settings)
        command = [str(Path(sys.executable).with_name("bmprov")), "up", "--data", name, *options]
        with (folder / "up.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(
                lambda: (folder / "ready").exists() or process.poll() is not None,
                "bmprov's start",
                Deadline.after(START_S),
            )
            if process.poll() is not None:
                raise BenchError(f"bmprov up ended: {(folder / 'up.log').read_text()[-2000:]}")
            yield Service(folder, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)


def payload(number: int, details: dict[str, str], nics: Sequence[dict[str, object]] = ()) -> dict[str, object]:
    """A payload as CloudStack writes it, for instance number `number`."""
    uuid, name = f"00000000-0000-4000-8000-{number:012d}", f"i-2-{number}-VM"
    return {
        "externaldetails": {"extension": {}, "host": {"host": "bench"}, "virtualmachine": details},
        "virtualmachineid": uuid,
        "virtualmachinename": name,
        "cloudstack.vm.details": {
            "id": number,
            "name": name,
            "uuid": uuid,
            "cpus": 1,
            "arch": "x86_64",
            "nics": list(nics),
        },
    }
