"""Calls of an OpenID provider: bounded in time, in size and in number.

A provider that is down, slow or hostile takes two threads for some seconds, and leaves the rest to CloudStack.
"""

import json
import ssl
from collections.abc import Mapping
from typing import Any

import httpx

from bmprov.deadline import Deadline
from bmprov.errors import Fatal, Retryable
from bmprov.turnstile import Turnstile

CALL_S = 6.0
"""How long one call may take, from its first byte to its last."""

_STEP_S = 3.0
_LIMIT_BYTES = 2**20
_AT_ONCE, _PATIENCE_S = 2, 0.5
_CHECK = "whether the provider runs and this host reaches it: an administrator finds the setting `web.oidc_issuer`"


class Wire:
    """One connection pool. `ca` is a PEM file, empty for the system's authorities."""

    def __init__(self, ca: str = "", call_s: float = CALL_S) -> None:
        self._call_s = call_s
        self._client = httpx.Client(verify=_trust(ca), timeout=min(_STEP_S, call_s), follow_redirects=False)
        self._turnstile = Turnstile(_AT_ONCE, _PATIENCE_S)

    def get(self, url: str) -> dict[str, Any]:
        """The JSON object at a URL.

        Raises:
            Retryable: there is none, or it does not come.
        """
        status, told = self._ask("GET", url)
        if status != httpx.codes.OK:
            raise Retryable(f"the provider answered {status} at {url}", _CHECK)
        return told

    def post(
        self, url: str, form: Mapping[str, str], login: tuple[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Post a form; the status and the JSON object that come back.

        Raises:
            Retryable: no such answer comes.
        """
        return self._ask("POST", url, data=dict(form), auth=login)

    def _ask(self, method: str, url: str, **more: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401 - httpx's
        by = Deadline.after(self._call_s)
        try:
            with self._turnstile.through(), self._client.stream(method, url, **more) as answer:
                content = b""
                for piece in answer.iter_bytes():
                    content += piece
                    if by.passed or len(content) > _LIMIT_BYTES:
                        raise Retryable(f"the provider's answer at {url} does not end", _CHECK)
        except httpx.HTTPError as error:
            raise Retryable(f"the provider did not answer at {url} ({_words(error)})", _CHECK) from error
        try:
            told = json.loads(content)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise Retryable(f"the provider answered {answer.status_code} and no JSON object at {url}", _CHECK)
        return answer.status_code, told


def _words(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__


def _trust(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise Fatal(f"the file {ca} is not usable ({error})", "the setting `web.oidc_ca` names a PEM file") from error
