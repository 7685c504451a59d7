"""One call of a webhook's receiver: POST, within a deadline, to nobody who must not be called.

Redirects, proxies and .netrc are not followed. Of the answer the status and Retry-After count; of its body a little is
read, so that a receiver can finish its sentence, and nothing is kept.
"""

import ssl
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import IPv6Address, ip_address

import requests
from requests.exceptions import SSLError, Timeout
from urllib3.exceptions import HTTPError

from bmprov import __version__
from bmprov.deadline import Deadline
from worker.connection import LEAST_S, TimedAdapter
from worker.http_answer import chain, found_fingerprint, innermost, printable, retry_after_s
from worker.webhooks.verdict import Answer

_LISTEN_S = 1.0
_LISTEN_BYTES = 2**14
_HEADERS = {"Content-Type": "application/json", "User-Agent": f"bmprov/{__version__}", "Connection": "close"}


def call(url: str, trust: str, body: str, headers: Mapping[str, str], by: Deadline) -> Answer:
    """Send it; whatever goes wrong is an answer too.

    `trust` is a certificate's fingerprint, a CA file, or empty for the system's CAs.
    """
    began_at, adapter = by.clock(), TimedAdapter(trust, by, refuse_metadata)
    try:
        request = requests.Request("POST", url, {**_HEADERS, **headers}, data=body.encode()).prepare()
        timeout_s = max(LEAST_S, by.remaining_s)
        with adapter.send(request, stream=True, timeout=timeout_s, verify=adapter.verify) as response:
            adapter.renew(by.within(_LISTEN_S))
            with suppress(OSError, HTTPError):
                response.raw.read(_LISTEN_BYTES, decode_content=False)
        return Answer(response.status_code, retry_after_s=retry_after_s(response.headers.get("Retry-After", "")))
    except (OSError, ValueError) as error:  # requests' own errors are both
        return Answer(error=_words(error, by, by.clock() - began_at))
    finally:
        adapter.close()


def refuse_metadata(address: str) -> None:
    """Refuse an address by which a cloud tells a host its secrets; looked at after names are resolved, at every call.

    Raises:
        OSError: it is link-local (RFC 3927, RFC 4291 section 2.5.6), as it is or mapped into IPv6.
    """
    found = ip_address(address.partition("%")[0])
    plain = found.ipv4_mapped if isinstance(found, IPv6Address) and found.ipv4_mapped else found
    if plain.is_link_local:
        raise OSError(f"{found} is a link-local address, and those are never called")


def _words(error: Exception, by: Deadline, waited_s: float) -> str:
    causes = chain(error)
    if isinstance(error, SSLError):
        return _insecure(error)
    if by.passed or any(isinstance(one, (Timeout, TimeoutError)) for one in causes):
        return f"it did not answer for {waited_s:.3g} s"
    return f"it is not there ({printable(innermost(error))})"


def _insecure(error: SSLError) -> str:
    if found := found_fingerprint(str(error)):
        return f"its certificate is not trusted: its fingerprint is sha256:{found}"
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in chain(error)):
        return f"its certificate is not trusted ({printable(innermost(error))})"
    return f"it does not speak TLS as we do ({printable(innermost(error))})"
