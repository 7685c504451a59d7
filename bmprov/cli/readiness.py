"""Whether the parts of an `up` answer."""

import socket
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus

import httpx

from bmprov.cli.api import trust
from bmprov.cli.credentials import REACHED
from bmprov.cli.login import Login
from bmprov.errors import Fatal
from bmprov.settings import Settings

_PATIENCE_S = 90.0
_LOOK_EVERY_S = 0.1
_REFUSAL_S = 0.05
_READ_REQUEST = b"\0\1is-there-anybody\0octet\0"  # RFC 1350, section 5; the answer is an error packet


def wait_ready(login: Login, settings: Settings, sleep: Callable[[float], object] = time.sleep) -> None:
    """Return when the API and the network-boot services answer.

    Raises:
        Fatal: one of them does not.
    """
    until = time.monotonic() + _PATIENCE_S
    for name, answers in _questions(login, settings):
        while not answers():
            if time.monotonic() > until:
                raise Fatal(f"{name} does not answer", "look into its log")
            sleep(_LOOK_EVERY_S)  # nothing tells when a socket is bound


def _questions(login: Login, settings: Settings) -> Iterator[tuple[str, Callable[[], bool]]]:
    pxe, console = settings.pxe, settings.console
    yield "the API", lambda: _api_is_ready(login)
    yield "the console", lambda: _connects(REACHED.get(console.listen, console.listen), console.port)
    yield "network boot's HTTP", lambda: _connects(pxe.address, pxe.http_port)
    yield "network boot's DHCP", lambda: _hears(pxe.address, pxe.dhcp_port)
    yield "network boot's TFTP", lambda: _hears(pxe.address, pxe.tftp_port, _READ_REQUEST)
    if pxe.dns_port:
        yield "network boot's DNS", lambda: _connects(pxe.dns_listen, pxe.dns_port)


def _api_is_ready(login: Login) -> bool:
    try:
        answer = httpx.get(f"{login.endpoint}/readyz", verify=trust(login.ca), trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code == HTTPStatus.OK


def _connects(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def _hears(address: str, port: int, question: bytes = b"") -> bool:
    """Whether a UDP port is open: the kernel refuses a datagram at once when nobody listens.

    DHCP answers nobody it does not know, so silence is a good sign too.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(_REFUSAL_S)
        probe.connect((address, port))
        try:
            probe.send(question)
            probe.recv(1)
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            return True
    return True
