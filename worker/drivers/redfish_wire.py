"""Redfish's HTTP: what sushy sends goes through here, and ends by the deadline whatever the BMC does.

DSP0266 (Redfish Protocol Specification), sections 6 and 13. Nothing is fetched from elsewhere: redirects are refused,
of a link only the path is used, and neither proxies nor .netrc are looked at.
"""

import base64
import ssl
from collections.abc import Callable  # noqa: TC003 - read where it stands
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import RequestException, SSLError, Timeout
from sushy.connector import Connector
from sushy.exceptions import AccessError
from urllib3.exceptions import TimeoutError as PoolTimeout

from bmprov.deadline import Deadline
from bmprov.errors import BmcBusy, BmcRefused, BmcSilent, BmcUnreachable, BmcUntrusted, BmprovError
from bmprov.power import BmcLogin
from worker.connection import LEAST_S, TimedAdapter, fingerprint
from worker.drivers.redfish_answer import judge, tamed
from worker.http_answer import chain, found_fingerprint, hushed, innermost

_MOST_BYTES = 8 * 2**20
_PIECE_BYTES = 2**16
_ATTEMPTS = 1
_HTTPS_PORT = 443


class Wire(Connector):  # type: ignore[misc] # sushy ships no types
    """One BMC for as long as it is held: sushy's connector, on connections that know the deadline.

    `renew` is called once when the BMC does not take the session any more; what it has refused is then sent again,
    and nothing else: a change that was accepted before is not made twice.
    """

    def __init__(self, base_url: str, login: BmcLogin, by: Deadline) -> None:
        super().__init__(base_url, verify=True, server_side_retries=_ATTEMPTS)
        self._session: _Http = _Http(base_url, login, by)
        self.renew: Callable[[], None] | None = None
        self.later = False
        """Whether the last request was accepted, to be done by and by (DSP0266, section 7.13: a task)."""
        self._etags: dict[str, str] = {}

    def etag(self, path: str) -> str | None:
        """The ETag of a resource when it was last read."""
        return self._etags.get(path)

    def keep_secret(self, word: str) -> None:
        """Carry this word on no more than the password, when the BMC repeats it."""
        self._session.secrets.append(word)

    def forget_session(self) -> None:
        """Ask as nobody, as a login must."""
        self._session.auth = None
        self._session.headers.pop("X-Auth-Token", None)

    def _op(self, method: str, path: str = "", *arguments: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - sushy's
        """One request, once: sushy would ask again and wait meanwhile, and what comes next is the caller's to say."""
        options["server_side_retries_left"] = 0
        path = urlunsplit(("", "", *urlsplit(path)[2:]))  # some BMCs give whole addresses, of an inner network even
        try:
            response: requests.Response = super()._op(method, path, *arguments, **options)
        except AccessError as error:
            if error.status_code != HTTPStatus.UNAUTHORIZED or self.renew is None:
                raise
            renew, self.renew = self.renew, None
            renew()
            response = super()._op(method, path, *arguments, **options)
        self.later = response.status_code == HTTPStatus.ACCEPTED
        if method == "GET" and "ETag" in response.headers:
            self._etags[path] = response.headers["ETag"]
        return response


class _Http(requests.Session):
    """Sends requests of one BMC, and makes the words of `bmprov.errors` of what goes wrong below Redfish."""

    def __init__(self, base_url: str, login: BmcLogin, by: Deadline) -> None:
        super().__init__()
        self.trust_env = False
        self.secrets: list[str] = []
        self._login = login
        self._by = by
        self._began_at = by.clock()
        self._adapter = TimedAdapter(login.trust, by)
        self.adapters.clear()
        self.mount(base_url, self._adapter)

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override] # noqa: ANN401
        # requests' own signature has sixteen parameters, of which sushy gives a few by name
        """Send, and read all of the answer.

        A reading whose connection broke off is asked for once more; a change never is, and has a connection of its own.

        Raises:
            BmcUnreachable: no answer by the deadline, or nobody is there.
            BmcUntrusted: the certificate is not the one that is trusted.
            BmcBusy: it answers that it cannot now, or with something that is not Redfish.
            BmcRefused: it does not speak TLS, or sends us elsewhere.
        """
        if method != "GET":
            self._adapter.drop_idle()
        try:
            response = self._once(method, url, options)
        except _BrokenOff as broken:
            if method != "GET" or self._by.passed:
                raise broken.as_error from broken.__cause__
            self._adapter.drop_idle()
            try:
                response = self._once(method, url, options)
            except _BrokenOff as again:
                raise again.as_error from again.__cause__
        judge(response, self._login.address)
        return response

    def _once(self, method: str, url: str, options: dict[str, Any]) -> requests.Response:
        timeout_s = max(LEAST_S, self._by.remaining_s)
        sent = options | {
            "timeout": timeout_s,
            "allow_redirects": False,
            "stream": True,
            "verify": self._adapter.verify,
        }
        try:
            with super().request(method, url, **sent) as response:
                response._content = self._body(response)  # noqa: SLF001 - as requests itself keeps what it has read
                response._content_consumed = True  # noqa: SLF001 - as above
        except SSLError as error:
            raise self._insecure(error) from error
        except (NotConnected, Timeout, TimeoutError) as error:
            raise self._lost(error) from error
        except RequestException as error:
            broken = f"BMC {self._login.address} broke off its answer ({innermost(error)})"
            raise _BrokenOff(BmcBusy(broken, "ask again")) from error
        self._quieten(response)
        return response

    def _body(self, response: requests.Response) -> bytes:
        if "X-Auth-Token" in response.headers and "Location" in response.headers:
            response.raw.close()
            return b""  # a new session: what comes with it is not worth losing it, open and unknown
        body = bytearray()
        for piece in response.iter_content(_PIECE_BYTES):
            body += piece
            if len(body) > _MOST_BYTES:
                raise BmcBusy(f"BMC {self._login.address} sends answers without end", "reset the BMC")
        return bytes(body)

    def _quieten(self, response: requests.Response) -> None:
        """What a BMC repeats of our password or token is not carried on: its words get into errors and logs."""
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            basic = base64.b64encode(f"{self._login.user}:{self._login.password}".encode()).decode()
            secrets = [self._login.password, str(self.headers.get("X-Auth-Token", "")), basic, *self.secrets]
            response._content = tamed(hushed(response.content, secrets))  # noqa: SLF001 - as above
            response.encoding = "utf-8"
            where = response.headers.get("Location", "").encode(errors="replace")
            response.headers["Location"] = hushed(where, secrets).decode(errors="replace")

    def _lost(self, error: Exception) -> Exception:
        timed_out = any(isinstance(one, (Timeout, TimeoutError, PoolTimeout)) for one in chain(error))
        if self._by.passed or timed_out:
            return BmcSilent(self._login.address, self._by.clock() - self._began_at)
        gone = BmcUnreachable(
            f"BMC {self._login.address} is not there ({innermost(error)})", "check its address and its TCP port"
        )
        refused = any(isinstance(one, ConnectionRefusedError) for one in chain(error))
        return gone if refused else _BrokenOff(gone)

    def _insecure(self, error: SSLError) -> Exception:
        address, reason = self._login.address, innermost(error)
        if got := found_fingerprint(str(error)):
            return BmcUntrusted(address, reason, got)
        if any(isinstance(one, ssl.SSLCertVerificationError) for one in chain(error)):
            parts = urlsplit(address)
            return BmcUntrusted(address, reason, fingerprint(parts.hostname or "", parts.port or _HTTPS_PORT, self._by))
        if any(isinstance(one, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) for one in chain(error)):
            return _BrokenOff(BmcUnreachable(f"BMC {address} broke off the TLS handshake", "it may be starting"))
        return BmcRefused(
            f"BMC {address} does not speak TLS as we do ({reason})",
            "check the port; where its Redfish is plain HTTP, enrol it with redfish+http://; else renew its firmware",
        )


class _BrokenOff(Exception):
    """A connection that ended in the middle; `as_error` is what to tell when it must be told."""

    def __init__(self, as_error: BmprovError) -> None:
        super().__init__(str(as_error))
        self.as_error = as_error
