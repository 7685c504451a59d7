"""Where a call comes from when reverse proxies stand in between: `X-Forwarded-For`, as far as it is to be believed.

Each proxy appends the address that has called it. From the right, addresses of our own proxies are passed over; the
first other one is the caller. What stands further left was sent by the caller, who may write there what it likes.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Forwarded:
    """A WSGI application behind proxies in these networks."""

    def __init__(self, application: "WSGIApplication", proxies: Iterable[str]) -> None:
        self._application = application
        self._proxies = [ip_network(one) for one in proxies]

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:  # noqa: ANN401 - WSGI's
        """Answer a request, as whoever has called the first of our proxies."""
        hops = str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")
        while hops and self._is_ours(environ.get("REMOTE_ADDR", "")) and (hop := _address(hops.pop())):
            environ["REMOTE_ADDR"] = str(hop)
        return self._application(environ, start_response)

    def _is_ours(self, told: str) -> bool:
        address = _address(told)
        return address is not None and any(address in network for network in self._proxies)


def _address(told: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(told.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
