"""What the details say of MAAS: which region, which of its images, and which of its machines.

The names are ours and those of CloudStack's built-in MaaS extension (`extensions/MaaS/maas.py`, 4.22), whose templates
and hosts work unchanged. It reads `distro_series` and `maas_system_id` from the instance's plain details too.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from bmprov.errors import Invalid
from bmprov.model import Arch, BackEnd
from bmprov.payload.reading import ARCHES, Reader, nearest

_LOGINS = (("maas_url", "maas_key"), ("endpoint", "apikey"))
_BACK_ENDS = {"maas": BackEnd.MAAS, "direct": BackEnd.DIRECT}
_BY_DHCP = {"static": False, "dhcp": True}
_SERIES = re.compile(r"[^\s/]+(/[^\s/]+)?")
_BUILT_IN_PORT = 5240  # the built-in extension appends it, and the path, to whatever its `endpoint` is

_T = TypeVar("_T")


@dataclass(frozen=True)
class MaasLogin:
    """A MAAS region, and the API key of a user there."""

    url: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class MaasChoice:
    """What is asked of MAAS; None leaves it open. `series` is `ubuntu/jammy` or `jammy`.

    `maas` is the region to use, unless machines that are not of MAAS are asked for. `address_by_dhcp` leaves
    CloudStack's address to its virtual router, instead of having MAAS configure it.
    """

    maas: MaasLogin | None = None
    back_end: BackEnd | None = None
    series: str | None = None
    hwe_kernel: str | None = None
    system_id: str | None = None
    arch: Arch | None = None
    address_by_dhcp: bool = False


def parse_maas(instance: Reader, asked: Reader, defaults: Sequence[Reader]) -> MaasChoice:
    """The choice in the instance's plain and external details, and in the operator's, nearest first.

    Raises:
        Invalid: a detail makes no sense, contradicts another, or misses one.
    """
    sources = (asked, *defaults)
    login = _login(defaults)
    back_end = _first(sources, "backend", _BACK_ENDS) or (BackEnd.MAAS if login else None)
    return MaasChoice(
        maas=login if back_end is BackEnd.MAAS else None,
        back_end=back_end,
        series=_series((instance, *sources)),
        hwe_kernel=nearest(sources, "hwe_kernel"),
        system_id=nearest((instance, asked), "maas_system_id"),
        arch=_arch(sources),
        address_by_dhcp=_first(sources, "maas_ip", _BY_DHCP) or False,
    )


def _login(levels: Iterable[Reader]) -> MaasLogin | None:
    """The region of the nearest level that tells one; a key is never taken to another level's URL.

    An `endpoint` without an `apikey` is no region's: it was bmprov's own, which the extension keeps to itself.
    """
    for level in levels:
        for url_name, key_name in _LOGINS:
            url, key = level.text(url_name), level.text(key_name)
            if url and key:
                return MaasLogin(_region(url) if url_name == "endpoint" else url, key)
            if key or (url and url_name != "endpoint"):
                missing, other = (url_name, key_name) if key else (key_name, url_name)
                raise Invalid(f"the payload has '{level.key(other)}' and no '{missing}' beside it", "set both or none")
    return None


def _region(endpoint: str) -> str:
    """The region's URL that the built-in extension makes of an `endpoint`; one that has a path is whole already."""
    url = endpoint if "://" in endpoint else f"http://{endpoint}"
    try:
        parts = urlsplit(url)
        whole, port = parts.path.strip("/"), parts.port
    except ValueError:
        raise Invalid("the detail 'endpoint' beside 'apikey' is no URL", "it is like http://maas.example") from None
    return url if whole else f"{url.rstrip('/')}{'' if port else f':{_BUILT_IN_PORT}'}/MAAS"


def _series(sources: Sequence[Reader]) -> str | None:
    """`distro_series`, with `os` before it unless it names its own.

    An `os` that stands farther away than the `distro_series` it contradicts is a default, and gives way.
    """
    series, system = nearest(sources, "distro_series"), nearest(sources, "os")
    if series is None:
        if system and not nearest(sources, "image"):
            raise Invalid(
                f"the details say os '{system[:60]}' and no 'distro_series'", "MAAS's images are known by both"
            )
        return None
    if not _SERIES.fullmatch(series):
        raise Invalid(f"the detail 'distro_series' is '{series[:60]}'", "it is like `jammy` or `ubuntu/jammy`")
    own, slash, _ = series.partition("/")
    if slash:
        place = next(number for number, source in enumerate(sources) if source.text("distro_series"))
        beside = nearest(sources[: place + 1], "os")
        if beside and beside != own:
            raise Invalid(f"the details say os '{beside[:60]}' and distro_series '{series[:60]}'", "leave 'os' out")
        return series
    return f"{system}/{series}" if system else series


def _arch(sources: Iterable[Reader]) -> Arch | None:
    """MAAS's `architecture`, such as `amd64/generic`; what stands behind the slash is MAAS's affair."""
    text = nearest(sources, "architecture")
    if text is None:
        return None
    found = ARCHES.get(text.lower().partition("/")[0])
    if found is None:
        raise Invalid(f"the detail 'architecture' is '{text[:40]}'", f"it can be {', '.join(ARCHES)}")
    return found


def _first(sources: Iterable[Reader], key: str, known: Mapping[str, _T]) -> _T | None:
    return next((found for source in sources if (found := source.one_of(key, known)) is not None), None)
