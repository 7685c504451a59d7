"""Redfish's HTTP: what sushy sends goes through here, and ends by the deadline whatever the BMC does.

DSP0266 (Redfish Protocol Specification), sections 6 and 13. Certificates of BMCs are self-signed as a rule, so one is
trusted by its SHA-256 fingerprint, or by a CA file. Nothing is fetched from elsewhere: redirects are refused, and
neither proxies nor .netrc are looked at.
"""

import io
import json
import re
from http import HTTPStatus
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import RequestException, SSLError, Timeout
from sushy.connector import Connector
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from bmprov.deadline import Deadline
from bmprov.errors import BmcBusy, BmcRefused, BmcSilent, BmcUnreachable, BmcUntrusted
from bmprov.power import BmcLogin

_MOST_BYTES = 8 * 2**20
_PIECE_BYTES = 2**16
_LEAST_S = 0.001  # a timeout of zero would mean: do not block
_ATTEMPTS = 1
_REDIRECTS = range(300, 400)
_FINGERPRINT = re.compile(r'Expected .*, got "?([0-9a-fA-F:]+)')


class Wire(Connector):  # type: ignore[misc] # sushy ships no types
    """One BMC for as long as it is held: sushy's connector, on connections that know the deadline."""

    def __init__(self, base_url: str, login: BmcLogin, by: Deadline) -> None:
        super().__init__(base_url, verify=True, server_side_retries=_ATTEMPTS)
        self._session: requests.Session = _Http(base_url, login, by)

    def _op(self, method: str, path: str = "", *arguments: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - sushy's
        """One request, once: sushy would ask again and wait meanwhile, and what comes next is the caller's to say."""
        options["server_side_retries_left"] = 0
        response: requests.Response = super()._op(method, path, *arguments, **options)
        return response


class _Http(requests.Session):
    """Sends requests of one BMC, and makes the words of `bmprov.errors` of what goes wrong below Redfish."""

    def __init__(self, base_url: str, login: BmcLogin, by: Deadline) -> None:
        super().__init__()
        self.trust_env = False
        self._login = login
        self._by = by
        self._began_at = by.clock()
        self.mount(base_url, _Adapter(login.trust, by))

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override] # noqa: ANN401
        # requests' own signature has sixteen parameters, of which sushy gives a few by name
        """Send, and read all of the answer.

        Raises:
            BmcUnreachable: no answer by the deadline, or nobody is there.
            BmcUntrusted: the certificate is not the one that is trusted.
            BmcBusy: it answers that it cannot now, or with something that is not Redfish.
        """
        remaining_s = max(_LEAST_S, self._by.remaining_s)
        sent = options | {"timeout": remaining_s, "allow_redirects": False, "stream": True, "verify": self._verify}
        try:
            with super().request(method, url, **sent) as response:
                response._content = self._body(response)  # noqa: SLF001 - as requests itself keeps what it has read
                response._content_consumed = True  # noqa: SLF001 - as above
        except SSLError as error:
            raise self._untrusted(error) from error
        except (Timeout, NotConnected, TimeoutError) as error:
            raise self._unreachable(error) from error
        except RequestException as error:
            raise BmcBusy(f"BMC {self._login.address} broke off its answer ({error})", "ask again") from error
        self._judge(response)
        return response

    @property
    def _verify(self) -> bool | str:
        trust = self._login.trust
        return trust if trust and not is_fingerprint(trust) else not is_fingerprint(trust)

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        for piece in response.iter_content(_PIECE_BYTES):
            body += piece
            if len(body) > _MOST_BYTES:
                raise BmcBusy(f"BMC {self._login.address} sends answers without end", "reset the BMC")
        return bytes(body)

    def _judge(self, response: requests.Response) -> None:
        """What no client of Redfish can make sense of does not get to sushy."""
        address, status = self._login.address, response.status_code
        if status in _REDIRECTS:
            told = response.headers.get("Location", "nowhere")[:100]
            raise BmcRefused(f"BMC {address} sends us on to {told}", "enrol it by the address where its Redfish is")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED:
            wait = response.headers.get("Retry-After", "")
            after_s = float(wait) if wait.isdigit() else None
            raise BmcBusy(
                f"BMC {address} cannot answer now (HTTP {status})", "wait, or reset it", retry_after_s=after_s
            )
        if status < HTTPStatus.BAD_REQUEST and response.content and not _is_json(response):
            kind = response.headers.get("Content-Type", "unknown content").partition(";")[0]
            raise BmcBusy(
                f"BMC {address} answers with {kind[:50]} in place of Redfish's JSON",
                "it may be starting; else check its address and whether Redfish is enabled on it",
            )

    def _unreachable(self, error: Exception) -> BmcUnreachable:
        if self._by.passed or isinstance(error, (Timeout, TimeoutError)):
            return BmcSilent(self._login.address, self._by.clock() - self._began_at)
        return BmcUnreachable(
            f"BMC {self._login.address} is not there ({_innermost(error)})", "check its address and its TCP port"
        )

    def _untrusted(self, error: SSLError) -> BmcUntrusted:
        got = _FINGERPRINT.search(str(error))
        return BmcUntrusted(self._login.address, _innermost(error), got[1].replace(":", "").lower() if got else "")


def is_fingerprint(trust: str) -> bool:
    """Whether this is a fingerprint and not the path of a CA file."""
    return trust.startswith("sha256:")


def _is_json(response: requests.Response) -> bool:
    try:
        json.loads(response.content)
    except ValueError:
        return False
    return True


def _innermost(error: BaseException) -> str:
    """What the system said at the bottom of urllib3's chain of errors."""
    while (cause := error.__cause__ or error.__context__ or _reason(error)) is not None:
        error = cause
    return str(getattr(error, "strerror", None) or error)[:200]


def _reason(error: BaseException) -> BaseException | None:
    found = getattr(error, "reason", None) or next(iter(error.args), None)
    return found if isinstance(found, BaseException) else None


class _Adapter(HTTPAdapter):
    """Connections that trust what is to be trusted, and know when to stop."""

    def __init__(self, trust: str, by: Deadline) -> None:
        self._pinned = trust.removeprefix("sha256:") if is_fingerprint(trust) else None
        self._by = by
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: object) -> None:  # noqa: FBT001, FBT002 - requests'
        """The connections of one BMC."""
        pinned: dict[str, Any] = {"assert_fingerprint": self._pinned, "assert_hostname": False} if self._pinned else {}
        self.poolmanager = PoolManager(connections, maxsize=maxsize, block=block, **pinned)
        self.poolmanager.pool_classes_by_scheme = _pools(self._by)


def _pools(by: Deadline) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools with connections whose every wait ends at the deadline.

    A timeout of urllib3's bounds each wait for itself, and a BMC that sends a byte now and then would never end.
    """

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            self.sock = _Timed(self.sock, by)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            self.sock = _Timed(self.sock, by)

    plain = type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain})
    secure = type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": Secure})
    return {"http": plain, "https": secure}


class _Timed:
    """A socket of which only as long is read as there is time."""

    def __init__(self, sock: Any, by: Deadline) -> None:  # noqa: ANN401 - a socket, plain or TLS
        self._sock = sock
        self._by = by

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """What `http.client` reads the answer from."""
        return io.BufferedReader(_TimedFile(self._sock, self._by))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a socket has
        return getattr(self._sock, name)


class _TimedFile(io.RawIOBase):
    def __init__(self, sock: Any, by: Deadline) -> None:  # noqa: ANN401 - as above
        self._file = sock.makefile("rb", buffering=0)
        self._sock = sock
        self._by = by

    def readable(self) -> bool:
        return True

    def readinto(self, memory: Any) -> int | None:  # noqa: ANN401 - a writable buffer
        if self._by.passed:
            raise TimeoutError("the deadline has passed")
        self._sock.settimeout(max(_LEAST_S, self._by.remaining_s))
        count: int | None = self._file.readinto(memory)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
