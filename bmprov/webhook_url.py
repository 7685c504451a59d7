"""The address of a webhook's receiver: brought into one spelling, or refused. Pure.

What is refused here is what can be seen from the text. Whither a name leads is looked at when it is called.
"""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from bmprov.errors import Invalid

_EXAMPLE = "it is one such as https://alerts.example/bmprov"
_MOST_CHARS = 2000


def webhook_url(text: str, *, insecure_http: bool = False) -> str:
    """The URL of a receiver. No error quotes it: many a receiver's URL is a secret.

    Raises:
        Invalid: it is none, or one that is never called.
    """
    url = text.strip()
    parts = _parts(url)
    if parts.scheme not in ("https", "http") or parts.fragment:
        raise Invalid("this is not the URL of a webhook", _EXAMPLE)
    if parts.username is not None or parts.password is not None:
        raise Invalid("the URL of a webhook holds no user and no password", "the receiver checks the signature instead")
    if parts.scheme == "http" and not insecure_http:
        raise Invalid(
            "the URL of a webhook begins with https://",
            "in a laboratory, where anybody may read what is sent, say so: --insecure-http",
        )
    _refuse_link_local(parts.hostname or "")
    return url


def webhook_host(url: str) -> str:
    """Where a webhook leads, for those who may not know its URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise Invalid("this is not the URL of a webhook", _EXAMPLE) from None
    if not parts.hostname or len(url) > _MOST_CHARS or not (url.isascii() and url.isprintable()) or " " in url:
        raise Invalid("this is not the URL of a webhook", _EXAMPLE)
    return parts


def _refuse_link_local(host: str) -> None:
    try:
        address = ip_address(host)
    except ValueError:
        return  # a name
    if address.is_link_local:
        raise Invalid(
            f"{address} is a link-local address, and those are never called", "give the receiver's own address"
        )
