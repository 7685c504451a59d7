"""HTTP to one MAAS region: signed, within the deadline, over connections that are kept.

OAuth 1.0 PLAINTEXT (RFC 5849, section 3.4.4) with a MAAS key, which has no consumer secret. Redirects, proxies and
.netrc are not followed. What the region says is read as far as a limit, and repeats no part of the key.
"""

import ssl
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from oauthlib.oauth1 import SIGNATURE_PLAINTEXT, Client
from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import RequestException, SSLError, Timeout
from urllib3.exceptions import TimeoutError as PoolTimeout

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError, Fatal
from worker.connection import LEAST_S, TimedAdapter, fingerprint
from worker.http_answer import chain, found_fingerprint, hushed, innermost, parsed, retry_after_s
from worker.maas.call import Call
from worker.maas.errors import MaasAuthFailed, MaasBroken, MaasUnreachable, MaasUntrusted, Said, refusal

_API = "/api/2.0"
_MOST_BYTES = 128 * 2**20  # 10,000 machines of 12 KiB
_PIECE_BYTES = 2**16
_KEPT = 8
_KEPT_S = 60.0
_FRESH_S = 3.0  # Apache closes an idle connection after 5 s, nginx after 75 s
_KEY_PARTS = 3
_HTTPS_PORT = 443


@dataclass(frozen=True)
class RegionLogin:
    """How to reach a region: `url` such as `http://HOST:5240/MAAS`, `key` as MAAS shows it, `trust` as for a BMC.

    Raises:
        MaasAuthFailed: the key is none.
        Fatal: the address is none.
    """

    name: str
    url: str
    key: str = field(repr=False)
    trust: str = ""

    def __post_init__(self) -> None:
        if len(parts := self.key.split(":")) != _KEY_PARTS or not all(parts):
            raise MaasAuthFailed(
                f"the key of MAAS region '{self.name}' is no MAAS key", "it has three parts with colons between them"
            )
        if not _is_address(self.url):
            raise Fatal(
                f"the address of MAAS region '{self.name}' is none", "it must be like http://HOST:5240/MAAS, no more"
            )

    @property
    def api(self) -> str:
        """The address below which all calls are."""
        return self.url.rstrip("/").removesuffix(_API) + _API + "/"


class Wire:
    """Calls one region. Any number of threads may call at once: each has a connection to itself meanwhile."""

    def __init__(self, login: RegionLogin) -> None:
        self.region = login.name
        self._login = login
        consumer, token, secret = login.key.split(":")
        self._client = Client(consumer, "", token, secret, signature_method=SIGNATURE_PLAINTEXT)
        self._secrets = sorted({login.key, quote(login.key, safe=""), consumer, token, secret}, key=len, reverse=True)
        self._idle = deque[_Line]()

    def call(self, call: Call, by: Deadline) -> Any:  # noqa: ANN401 - JSON
        """What the region tells, as JSON; None when it tells nothing.

        A reading whose connection breaks off is asked once more, over a new one. A change is sent once, over a
        connection that is new or was good a moment ago.

        Raises:
            MaasUnreachable, MaasBroken, MaasBmcFailed: try again.
            MaasAuthFailed, MaasUntrusted, MaasLacksCall, MaasGone, MaasConflict, MaasInvalid: an operator must look.
        """
        try:
            said = self._send(call, by, self._line(by, _FRESH_S if call.changes else _KEPT_S))
        except _BrokenOff as broken:
            if call.changes or by.passed:
                raise broken.as_error from broken.__cause__
            try:
                said = self._send(call, by, _Line(self._login.trust, by))
            except _BrokenOff as again:
                raise again.as_error from again.__cause__
        return self._meaning(call, said)

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _line(self, by: Deadline, not_older_s: float) -> "_Line":
        """The connection that was used last, if that is not long ago."""
        with suppress(IndexError):
            line = self._idle.pop()
            if line.idle_s < not_older_s:
                line.renew(by)
                return line
            line.close()
        return _Line(self._login.trust, by)

    def _send(self, call: Call, by: Deadline, line: "_Line") -> Said:
        began_at = by.clock()
        try:
            said = self._hushed(line.ask(self._request(call)))
        except (OSError, _Endless) as error:  # requests' own errors are OSErrors
            line.close()
            raise self._lost(error, call, by, by.clock() - began_at) from error
        line.used_at = time.monotonic()
        self._idle.append(line)
        if len(self._idle) > _KEPT:
            with suppress(IndexError):
                self._idle.popleft().close()
        return said

    def _request(self, call: Call) -> requests.PreparedRequest:
        # a signature in PLAINTEXT is of the key alone, so neither query nor form need be signed
        headers = dict(self._client.sign(self._login.api, call.method)[1])
        headers |= {"Accept": "application/json", "User-Agent": "bmprov"}
        if call.body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return requests.Request(call.method, self._login.api + call.address, headers, data=call.body).prepare()

    def _hushed(self, said: Said) -> Said:
        if said.status == HTTPStatus.OK:
            return said
        onward = hushed(said.onward.encode(errors="replace"), self._secrets).decode()
        return Said(said.status, hushed(said.content, self._secrets), said.content_type, said.retry_after_s, onward)

    def _meaning(self, call: Call, said: Said) -> Any:  # noqa: ANN401 - JSON
        if said.status not in range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES):
            raise refusal(self.region, call, said)
        told = parsed(said.content)
        if told is None and said.content.strip() not in {b"", b"null"}:
            raise MaasBroken(
                f"MAAS region '{self.region}' answers {call} with something that is not MAAS's JSON",
                "check its address; it may be starting",
            )
        return told

    def _lost(self, error: Exception, call: Call, by: Deadline, waited_s: float) -> Exception:
        name, causes = self.region, chain(error)
        if isinstance(error, _Endless):
            return MaasBroken(f"MAAS region '{name}' answers {call} without end", "look at the region's log")
        if isinstance(error, SSLError):
            return self._insecure(error, by)
        if not isinstance(error, (RequestException, TimeoutError)):
            return MaasUntrusted(f"the CA file of MAAS region '{name}' is not usable ({error})", "check its path")
        if by.passed or any(isinstance(one, (Timeout, TimeoutError, PoolTimeout)) for one in causes):
            return MaasUnreachable(
                f"MAAS region '{name}' did not answer for {waited_s:.3g} s", "check its address, its port and its load"
            )
        gone = MaasUnreachable(
            f"MAAS region '{name}' is not there ({innermost(error)})", "check its address and its port"
        )
        refused = any(isinstance(one, ConnectionRefusedError) for one in causes)
        if isinstance(error, NotConnected):
            return gone if refused else _BrokenOff(gone)
        broken = f"MAAS region '{name}' broke off its answer ({innermost(error)})"
        return _BrokenOff(MaasUnreachable(broken, "it may be restarting"))

    def _insecure(self, error: SSLError, by: Deadline) -> Exception:
        name, reason, causes = self.region, innermost(error), chain(error)
        found = found_fingerprint(str(error))
        if not found and any(isinstance(one, ssl.SSLCertVerificationError) for one in causes):
            parts = urlsplit(self._login.url)
            found = fingerprint(parts.hostname or "", parts.port or _HTTPS_PORT, by)
        elif any(isinstance(one, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) for one in causes):
            return _BrokenOff(
                MaasUnreachable(f"MAAS region '{name}' broke off the TLS handshake", "it may be restarting")
            )
        elif not found:
            return MaasUntrusted(
                f"MAAS region '{name}' does not speak TLS as we do ({reason})",
                "check its port; plain HTTP is http:// in its address",
            )
        return MaasUntrusted(
            f"the certificate of MAAS region '{name}' is not trusted (its fingerprint is sha256:{found})",
            "compare that with the region's own, then give it with `bmprov maas set`, or its CA",
            found=found,
        )


class _Line:
    """One connection to the region, which may have to be made anew."""

    def __init__(self, trust: str, by: Deadline) -> None:
        self._adapter = TimedAdapter(trust, by)
        self._by = by
        self.used_at = time.monotonic()

    @property
    def idle_s(self) -> float:
        return time.monotonic() - self.used_at

    def renew(self, by: Deadline) -> None:
        self._by = by
        self._adapter.renew(by)

    def close(self) -> None:
        self._adapter.close()

    def ask(self, request: requests.PreparedRequest) -> Said:
        """Send it, and read the answer as far as the limit."""
        timeout_s = max(LEAST_S, self._by.remaining_s)
        with self._adapter.send(request, stream=True, timeout=timeout_s, verify=self._adapter.verify) as response:
            content = bytearray()
            for piece in response.iter_content(_PIECE_BYTES):
                content += piece
                if len(content) > _MOST_BYTES:
                    raise _Endless
        return Said(
            response.status_code,
            bytes(content),
            response.headers.get("Content-Type", "").lower(),
            retry_after_s(response.headers.get("Retry-After", "")),
            response.headers.get("Location", ""),
        )


class _Endless(Exception):
    """An answer that is longer than any of MAAS's."""


class _BrokenOff(Exception):
    """A connection that ended in the middle; `as_error` is what to tell when it must be told."""

    def __init__(self, as_error: BmprovError) -> None:
        super().__init__(str(as_error))
        self.as_error = as_error


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
    return whole and not (parts.username or parts.password or parts.query or parts.fragment) and url.isprintable()
