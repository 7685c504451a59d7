"""Which machine and which image the instance's details ask for.

Details come from the template, the offering and the instance (`externaldetails.virtualmachine`); image, zone, pod,
rack, the modes of NICs and what concerns MAAS may also stand on the CloudStack host, the cluster mapping or the
extension, as defaults.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bmprov.errors import Invalid
from bmprov.payload.maas import MaasChoice, parse_maas
from bmprov.payload.nic import NO_WISHES, NicWishes
from bmprov.payload.nic_modes import AddressMode, MacMode, read_modes
from bmprov.payload.reading import Reader, nearest
from bmprov.payload.root_disk import ANY_DISK, RootDisk, parse_root_disk

DETAILS: Mapping[str, str] = MappingProxyType(
    {
        "image": "the image of the catalogue to write, by name",
        "tags": "tags that the machine must have, separated by commas",
        "not_tags": "tags that the machine must not have, separated by commas",
        "machine": "one machine, by name",
        "zone": "the machine's zone",
        "pod": "the machine's pod",
        "rack": "the machine's rack",
        "cpus_min": "at least so many cpus; the offering's count is a minimum too",
        "memory_mib_min": "at least so much memory, in MiB; the offering's is a minimum too",
        "disk_gib_min": "at least so much disk, in GiB",
        "root_disk": "the disk to write: `ssd`, `hdd`, `serial=…`, `wwn=…`, `min_gib=…`, `max_gib=…`, with commas",
        "nic_tags": "tags of the machine's NICs for the instance's NICs, in order, separated by commas",
        "mac": "`adopt` (the default): CloudStack is told the NIC's real MAC; `impose`: the system takes the one that "
        "CloudStack issued; for all NICs, or for each in order, separated by commas",
        "addresses": "`static` (the default): the system is configured with CloudStack's addresses; `dhcp`: it asks "
        "the virtual router; for all NICs, or for each in order, separated by commas",
        "boot_mode": "`bios` or `uefi`; a template that says UEFI asks for it too",
        "hostname": "the host name, instead of one made from the instance's name",
        "backend": "`maas` for a machine of a MAAS region, `direct` for one that bmprov boots itself",
        "os": "MAAS's operating system, such as `ubuntu`",
        "distro_series": "MAAS's release of it, such as `jammy`, or both as `ubuntu/jammy`",
        "hwe_kernel": "MAAS's kernel, such as `hwe-22.04`",
        "architecture": "`amd64/generic` or `arm64/generic`, when CloudStack's template says none",
        "pool": "MAAS's resource pool; the same as `pod`",
        "maas_system_id": "one machine, by the id that MAAS gave it",
        "maas_ip": "`static` (the default): MAAS configures CloudStack's address; `dhcp`: the virtual router gives it. "
        "`addresses` says the same for each NIC",
        "maas_url": "a MAAS region, with `maas_key` beside it; only on the CloudStack host, its cluster's mapping or "
        "the extension. `endpoint` with `apikey`, as the built-in MaaS extension has them, is the same",
        "maas_key": "the API key of a user of that region, from the same place",
    }
)
"""Every detail that bmprov reads, and what it means. The README's table is made from it."""

_DEFAULTED = ("image", "zone", "rack")


@dataclass(frozen=True)
class Choice(MaasChoice):
    """What the details ask for. None and empty mean that anything will do."""

    image: str | None = None
    tags: tuple[str, ...] = ()
    machine: str | None = None
    zone: str | None = None
    pod: str | None = None
    rack: str | None = None
    min_cpus: int | None = None
    min_memory_mib: int | None = None
    min_disk_gib: int | None = None
    root_disk: RootDisk = ANY_DISK
    nics: NicWishes = NO_WISHES
    hostname: str | None = None
    not_tags: tuple[str, ...] = ()


def parse_choice(details: Reader, instance: Reader) -> Choice:
    """The choice in `externaldetails`; `instance` has the instance's plain details.

    Raises:
        Invalid: a detail makes no sense, contradicts another, or misses one.
    """
    asked = details.object("virtualmachine")
    defaults = [details.object(level) for level in ("host", "resourcemap", "extension")]
    named: dict[str, Any] = {key: nearest([asked, *defaults], key) for key in _DEFAULTED}
    return Choice(
        **named,
        **vars(parse_maas(instance, asked, defaults)),
        pod=_pod([asked, *defaults]),
        tags=_tags(asked, "tags"),
        not_tags=_tags(asked, "not_tags"),
        machine=asked.text("machine"),
        min_cpus=asked.figure("cpus_min"),
        min_memory_mib=asked.figure("memory_mib_min"),
        min_disk_gib=asked.figure("disk_gib_min"),
        root_disk=parse_root_disk(asked.text("root_disk")),
        nics=NicWishes(
            tags=_words(asked.text("nic_tags")),
            macs=read_modes([asked, *defaults], "mac", MacMode.ADOPT),
            addresses=read_modes([asked, *defaults], "addresses", AddressMode.STATIC),
        ),
        hostname=asked.text("hostname"),
    )


def _pod(sources: Iterable[Reader]) -> str | None:
    """A machine's pod, which MAAS calls its pool: the nearest of either name."""
    for source in sources:
        pod, pool = source.text("pod"), source.text("pool")
        if pod and pool and pod != pool:
            raise Invalid(
                f"the payload's '{source.key('pod')}' and '{source.key('pool')}' differ", "they are the same, tell one"
            )
        if pod or pool:
            return pod or pool
    return None


def _tags(asked: Reader, key: str) -> tuple[str, ...]:
    return tuple(sorted(filter(None, _words(asked.text(key)))))


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",")) if text else ()
