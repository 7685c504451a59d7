"""What says where a MAAS region is and how to log in to it: brought into one spelling, or refused. Pure.

MAAS's own forms: a URL such as `http://maas.example:5240/MAAS` (`maas login PROFILE URL KEY`), and an API key of three
parts, `consumer:token:secret`. No error quotes what was given: a key or a password may stand there by mistake.
"""

import re
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

from bmprov.errors import Invalid

_EXAMPLE = "it is one such as http://maas.example:5240/MAAS"
_API = "/api/2.0"
_ROOT = "/MAAS"
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/MAAS")
_KEY = re.compile(r"[!-9;-~]+:[!-9;-~]+:[!-9;-~]+")
_NAME_CHARS = 64


def region_url(text: str) -> str:
    """The URL of a region as it is stored: the root of its pages, `…/MAAS`, whichever of its URLs was given.

    Raises:
        Invalid: it is no URL of a region.
    """
    parts, host, port = _split(text.strip())
    if parts.username is not None or parts.password is not None:
        raise Invalid("the URL of a MAAS region holds no user and no password", "the API key goes beside it")
    path = parts.path.rstrip("/").removesuffix(_API).rstrip("/") or _ROOT
    if parts.scheme not in _PORTS or parts.query or parts.fragment:
        raise Invalid("this is not the URL of a MAAS region", _EXAMPLE)
    if not _PATH.fullmatch(path):
        raise Invalid(f"the URL of a MAAS region ends with {_ROOT}", _EXAMPLE)
    shown = "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown}{path}"


def region_key(text: str) -> str:
    """The API key of a user of MAAS.

    Raises:
        Invalid: it has not three parts.
    """
    key = text.strip()
    if not _KEY.fullmatch(key):
        raise Invalid(
            "this is not the API key of a MAAS user", "it has three parts with colons between: `maas apikey` prints it"
        )
    return key


def region_names(url: str) -> list[str]:
    """Names for a region that has none, the best first: its host's, and that with the port."""
    parts = urlsplit(url)
    host = (parts.hostname or "").replace(":", "-").strip("-.")[:_NAME_CHARS].rstrip("-._") or "maas"
    port = str(parts.port or _PORTS[parts.scheme])
    return [host, f"{host[: _NAME_CHARS - len(port) - 1]}-{port}"]


def _split(text: str) -> tuple[SplitResult, str, int | None]:
    """The parts of a URL, its host as it is written there, and its port."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        if ":" in host:
            return parts, f"[{IPv6Address(host).compressed}]", port
    except ValueError:
        raise Invalid("this is not the URL of a MAAS region", _EXAMPLE) from None
    if not _HOST.fullmatch(host):
        raise Invalid("the URL of a MAAS region names a host", _EXAMPLE)
    return parts, host.removesuffix("."), port
