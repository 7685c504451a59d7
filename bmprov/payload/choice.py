"""Which machine and which image the instance's details ask for.

Details come from the template, the offering and the instance (`externaldetails.virtualmachine`); image, zone, pod and
rack may also stand on the CloudStack host, the cluster mapping or the extension, as defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bmprov.payload.reading import Reader
from bmprov.payload.root_disk import ANY_DISK, RootDisk, parse_root_disk

DETAILS: Mapping[str, str] = MappingProxyType(
    {
        "image": "the image of the catalogue to write, by name",
        "tags": "tags that the machine must have, separated by commas",
        "machine": "one machine, by name",
        "zone": "the machine's zone",
        "pod": "the machine's pod",
        "rack": "the machine's rack",
        "cpus_min": "at least so many cpus; the offering's count is a minimum too",
        "memory_mib_min": "at least so much memory, in MiB; the offering's is a minimum too",
        "disk_gib_min": "at least so much disk, in GiB",
        "root_disk": "the disk to write: `ssd`, `hdd`, `serial=…`, `wwn=…`, `min_gib=…`, `max_gib=…`, with commas",
        "nic_tags": "tags of the machine's NICs for the instance's NICs, in order, separated by commas",
        "boot_mode": "`bios` or `uefi`; a template that says UEFI asks for it too",
        "hostname": "the host name, instead of one made from the instance's name",
    }
)
"""Every detail that bmprov reads, and what it means. The README's table is made from it."""

_DEFAULTED = ("image", "zone", "pod", "rack")


@dataclass(frozen=True)
class Choice:
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
    nic_tags: tuple[str, ...] = ()
    hostname: str | None = None


def parse_choice(details: Reader) -> Choice:
    """The choice in `externaldetails`."""
    asked = details.object("virtualmachine")
    sources = [asked, details.object("host"), details.object("resourcemap"), details.object("extension")]
    named = {key: next(filter(None, (source.text(key) for source in sources)), None) for key in _DEFAULTED}
    return Choice(
        **named,
        tags=tuple(sorted(filter(None, _words(asked.text("tags"))))),
        machine=asked.text("machine"),
        min_cpus=asked.figure("cpus_min"),
        min_memory_mib=asked.figure("memory_mib_min"),
        min_disk_gib=asked.figure("disk_gib_min"),
        root_disk=parse_root_disk(asked.text("root_disk")),
        nic_tags=_words(asked.text("nic_tags")),
        hostname=asked.text("hostname"),
    )


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",")) if text else ()
