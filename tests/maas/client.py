"""Two small clients of a region: HTTP by httpx for most tests, and curl, which nobody here wrote, for odd calls."""

import json
import secrets
import ssl
import subprocess
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from tests import debian

_SEPARATOR = "\n--- "
_LONG_S = 20.0
Form = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What the region said."""

    status: int
    content_type: str
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.text)


def oauth(key: str, **changed: str) -> str:
    """The header that signs a call with a key."""
    consumer, token, secret = key.split(":")
    said = {
        "oauth_version": "1.0",
        "oauth_signature_method": "PLAINTEXT",
        "oauth_consumer_key": consumer,
        "oauth_token": token,
        "oauth_signature": f"%26{secret}",
        "oauth_nonce": secrets.token_hex(8),
        "oauth_timestamp": str(int(time.time())),
    } | changed
    return "OAuth " + ", ".join(f'{name}="{value}"' for name, value in said.items())


class Client:
    """Calls with a key, over one connection."""

    def __init__(self, url: str, key: str) -> None:
        no_roots = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # HTTP needs none, and to load them takes 30 ms
        self._http = httpx.Client(base_url=f"{url}/api/2.0/", timeout=_LONG_S, verify=no_roots)
        self._key = key

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def call(self, method: str, path: str, *, query: Form | None = None, **form: Any) -> Said:  # noqa: ANN401 - a form
        told = self._http.request(
            method, path, params=query, data=form or None, headers={"Authorization": oauth(self._key)}
        )
        return Said(told.status_code, told.headers["Content-Type"], told.text)

    def get(self, path: str, **query: Any) -> Any:  # noqa: ANN401 - JSON
        """What a reading tells, which must succeed."""
        told = self.call("GET", path, query=query)
        assert told.status == httpx.codes.OK, told
        return told.json

    def post(self, path: str, op: str, **form: Any) -> Any:  # noqa: ANN401 - JSON
        """What an operation tells, which must succeed."""
        told = self.call("POST", path, query={"op": op}, **form)
        assert told.status == httpx.codes.OK, told
        return told.json

    def refused(self, path: str, op: str, **form: Any) -> Said:  # noqa: ANN401 - a form
        """What an operation tells that must fail."""
        told = self.call("POST", path, query={"op": op}, **form)
        assert told.status >= httpx.codes.BAD_REQUEST, told
        return told


def curl(url: str, *options: str, header: str = "") -> Said:
    """What curl is told."""
    wanted = ["--silent", "--max-time", "20", "--write-out", _SEPARATOR + "%{http_code} %{content_type}"]
    command = [debian.program("curl", "curl"), *wanted]
    signed = ["--header", f"Authorization: {header}"] if header else []
    done = subprocess.run([*command, *signed, *options, url], capture_output=True, text=True, check=True)
    text, _, rest = done.stdout.rpartition(_SEPARATOR)
    status, _, content_type = rest.partition(" ")
    return Said(int(status), content_type, text)
