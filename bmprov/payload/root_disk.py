"""Which of a machine's disks the image goes to, as the detail 'root_disk' says it.

What is not said is left to the ramdisk, which takes the smallest disk that the image fits on.
"""

import re
from dataclasses import dataclass

from bmprov.errors import Invalid

_KINDS = {"ssd": False, "hdd": True}
_CHECK = (
    "it is words like `ssd`, `hdd`, `serial=S3Z8NB0K`, `wwn=0x5000c500a1b2c3d4`, `max_gib=500`, separated by commas"
)
_WORD = re.compile(r"(serial|wwn|min_gib|max_gib)=([\x21-\x7e]{1,128})")


@dataclass(frozen=True)
class RootDisk:
    """What the disk must be. None means that any will do; sizes are in GiB."""

    serial: str | None = None
    wwn: str | None = None
    rotational: bool | None = None
    min_gib: int | None = None
    max_gib: int | None = None


ANY_DISK = RootDisk()


def parse_root_disk(text: str | None) -> RootDisk:
    """The disk that the detail's text asks for.

    Raises:
        Invalid: a word of it is not understood, or is there twice.
    """
    told: dict[str, str | bool | int] = {}
    for word in filter(None, (part.strip() for part in (text or "").split(","))):
        name, value = _read(word)
        if name in told:
            raise Invalid(f"the detail 'root_disk' says '{name}' twice", _CHECK)
        told[name] = value
    return RootDisk(**told)  # type: ignore[arg-type] # `_read` gives each name the kind of value that it has


def _read(word: str) -> tuple[str, str | bool | int]:
    if word in _KINDS:
        return "rotational", _KINDS[word]
    found = _WORD.fullmatch(word)
    if not found:
        raise Invalid(f"the detail 'root_disk' has '{word[:64]}', which is not understood", _CHECK)
    name, value = found.groups()
    if not name.endswith("_gib"):
        return name, value
    if not value.isascii() or not value.isdigit():
        raise Invalid(f"the detail 'root_disk' has '{word[:64]}', which is no number of GiB", _CHECK)
    return name, int(value)
