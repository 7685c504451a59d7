"""HTTP connections of which every wait ends by the deadline: name, TCP, TLS, what is sent, each byte that comes.

urllib3 bounds each wait for itself, and a server that sends a byte now and then would never end. A certificate is
trusted by its SHA-256 fingerprint, whatever name and dates it bears, or by CAs (RFC 9110, section 4.3.4).
"""

import hashlib
import io
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from bmprov.deadline import Deadline

LEAST_S = 0.001  # a timeout of zero would mean: do not block
_FINGERPRINT = "sha256:"
_Address = tuple[Any, Any, int, str, Any]


class TimedAdapter(HTTPAdapter):
    """Makes connections to one host that trust what is to be trusted, and know when to stop.

    `trust` is a certificate's fingerprint (`sha256:` and 64 hexadecimal digits), the path of a CA file, or empty for
    the system's CAs. Each request must be sent with `verify`. `refuse` raises OSError for an address that must not be
    connected to.
    """

    def __init__(self, trust: str, by: Deadline, refuse: Callable[[str], None] | None = None) -> None:
        self._pinned = trust.removeprefix(_FINGERPRINT) if trust.startswith(_FINGERPRINT) else None
        self.verify: bool | str = False if self._pinned else trust or True
        self._route = _Route(by, refuse)
        super().__init__(pool_connections=1, pool_maxsize=1)

    def renew(self, by: Deadline) -> None:
        """From now on another deadline holds, for connections that are there as well."""
        self._route.renew(by)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: object) -> None:  # noqa: FBT001, FBT002 - requests'
        """The connections of one host."""
        if self._pinned:
            # a context of our own, for urllib3's loads all of the system's CAs at each connection: 20 ms for nothing
            context = create_urllib3_context(cert_reqs=ssl.CERT_NONE)
            trust: dict[str, Any] = {"assert_fingerprint": self._pinned, "assert_hostname": False}
        else:
            # Python 3.13 refuses a certificate without an Authority Key Identifier; many a house's CA writes none
            context, trust = create_urllib3_context(), {}
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self.poolmanager = _Pools(
            self._route, num_pools=connections, maxsize=maxsize, block=block, ssl_context=context, **trust
        )

    def drop_idle(self) -> None:
        """The next request gets a connection of its own, which the server cannot have closed meanwhile."""
        self.poolmanager.clear()


def fingerprint(host: str, port: int, by: Deadline) -> str:
    """The SHA-256 fingerprint of the certificate that is shown there, trusted or not; empty when none is."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError), _Route(by).connect(host, port) as sock, context.wrap_socket(sock) as secure:
        return hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
    return ""


class _Route:
    """The way to a host: its addresses, looked up once, the one that answered first."""

    def __init__(self, by: Deadline, refuse: Callable[[str], None] | None = None) -> None:
        self.by = by
        self._refuse = refuse
        self._addresses: list[_Address] = []

    def renew(self, by: Deadline) -> None:
        """Another deadline; a host that is looked for much later may have moved."""
        self.by, self._addresses = by, []

    def connect(self, host: str, port: int) -> socket.socket:
        """A TCP connection. Of several addresses each gets its share of the time, for the first may be dead."""
        self._addresses = self._addresses or _addresses(host, port, self.by)
        failure: OSError = OSError("the name has no address")
        for index, address in enumerate(self._addresses):
            try:
                sock = self._try(address, self.by.remaining_s / (len(self._addresses) - index))
            except OSError as error:
                failure = error
                continue
            self._addresses.sort(key=lambda one: one is not address)
            return sock
        raise failure

    def _try(self, address: _Address, seconds: float) -> socket.socket:
        if self._refuse is not None:
            self._refuse(address[4][0])
        sock = socket.socket(*address[:3])
        try:
            sock.settimeout(max(LEAST_S, seconds))
            sock.connect(address[4])
        except OSError:
            sock.close()
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(max(LEAST_S, self.by.remaining_s))  # what is left is for the TLS handshake
        return sock


def _addresses(host: str, port: int, by: Deadline) -> list[_Address]:
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found: Future[list[_Address]] = Future()
    # in a thread of its own: a resolver waits as long as it likes
    threading.Thread(target=_look_up, args=(host, port, found), daemon=True).start()
    return found.result(max(LEAST_S, by.remaining_s))


def _look_up(host: str, port: int, found: "Future[list[_Address]]") -> None:
    try:
        found.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except OSError as error:
        found.set_exception(error)
    except UnicodeError:
        found.set_exception(OSError(f"'{host}' is no host name"))


class _Pools(PoolManager):
    """urllib3's pools, each of which knows the deadline."""

    def __init__(self, route: _Route, **options: Any) -> None:  # noqa: ANN401 - urllib3's
        super().__init__(**options)
        self._route = route
        self.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def _new_pool(self, *arguments: Any, **options: Any) -> HTTPConnectionPool:  # noqa: ANN401 - urllib3's
        pool = super()._new_pool(*arguments, **options)
        pool.conn_kw["route"] = self._route
        return pool


class _Plain(HTTPConnection):
    def __init__(self, *arguments: Any, route: _Route, **options: Any) -> None:  # noqa: ANN401 - urllib3's
        super().__init__(*arguments, **options)
        self._route = route

    def _new_conn(self) -> socket.socket:
        return self._route.connect(self._dns_host, self.port)

    def connect(self) -> None:
        super().connect()
        self.sock = _Timed(self.sock, self._route)


class _Secure(HTTPSConnection):
    def __init__(self, *arguments: Any, route: _Route, **options: Any) -> None:  # noqa: ANN401 - urllib3's
        super().__init__(*arguments, **options)
        self._route = route

    def _new_conn(self) -> socket.socket:
        return self._route.connect(self._dns_host, self.port or 443)

    def connect(self) -> None:
        super().connect()
        self.sock = _Timed(self.sock, self._route)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class _Timed:
    """A socket on which as long is read and written as there is time."""

    def __init__(self, sock: Any, route: _Route) -> None:  # noqa: ANN401 - a socket, plain or TLS
        self._sock = sock
        self._route = route

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """What `http.client` reads the answer from."""
        return io.BufferedReader(_TimedFile(self._sock, self._route))

    def sendall(self, data: bytes) -> None:
        """Send all of it, or fail by the deadline."""
        self._sock.settimeout(_time_left(self._route.by))
        self._sock.sendall(data)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a socket has
        return getattr(self._sock, name)


class _TimedFile(io.RawIOBase):
    def __init__(self, sock: Any, route: _Route) -> None:  # noqa: ANN401 - as above
        self._file = sock.makefile("rb", buffering=0)
        self._sock = sock
        self._route = route

    def readable(self) -> bool:
        return True

    def readinto(self, memory: Any) -> int | None:  # noqa: ANN401 - a writable buffer
        self._sock.settimeout(_time_left(self._route.by))
        count: int | None = self._file.readinto(memory)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _time_left(by: Deadline) -> float:
    if by.passed:
        raise TimeoutError("the deadline has passed")
    return max(LEAST_S, by.remaining_s)
