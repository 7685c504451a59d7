"""The entry of the written disk in the firmware's boot order (UEFI 2.10, 3.1), for BMCs that do not choose the disk.

It comes first, unless the order begins with the entry that the machine was booted by, which is a network's: whoever has
set up a machine so means it to ask the network first, and bmprov sends it on to its disk.
"""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .settling import ESP_KIND, SEED_PLACE, partition_number, partitions, run
from .words import GivesUp, say

EFIVARS = Path("/sys/firmware/efi/efivars")
LABEL = "bmprov"
SUFFIX = {"x86_64": "x64", "aarch64": "aa64"}
LOADERS = (
    "efi/boot/boot{0}.efi",
    "efi/[^/]+/shim{0}.efi",
    "efi/[^/]+/grub{0}.efi",
    "efi/microsoft/boot/bootmgfw.efi",
)
"""Where loaders are, best first, for a processor's suffix; FAT does not tell small letters from capitals."""


def boot_from(disk: str) -> None:
    """Make the entry. What goes wrong is said and no more: most machines boot without it."""
    if not EFIVARS.is_dir() or not any(EFIVARS.iterdir()):
        return
    try:
        esp = next((found for found in partitions(disk) if str(found["type"]).upper() == ESP_KIND), None)
        loader = loader_of(str(esp["node"])) if esp else ""
        if not esp or not loader:
            say(f"{disk} has no loader for UEFI, so the firmware gets no boot entry")
            return
        enter(disk, partition_number(disk, str(esp["node"])), loader)
    except (GivesUp, OSError) as why:  # an ESP that cannot be read is an image's own affair
        say(f"the firmware has no boot entry for {disk}: {why}")


def enter(disk: str, partition: int, loader: str) -> None:
    """Put the entry into the order, in place of those of earlier deployments."""
    for number in entries(told()):
        run("efibootmgr", "--quiet", "--bootnum", number, "--delete-bootnum")
    place = ("--disk", disk, "--part", str(partition), "--loader", loader.replace("/", "\\"))
    run("efibootmgr", "--quiet", "--create-only", *place, "--label", LABEL)
    now = told()
    order, current = field(now, "BootOrder").split(","), field(now, "BootCurrent")
    run("efibootmgr", "--quiet", "--bootorder", ",".join(ordered(entries(now), order, current)))


def ordered(mine: list[str], order: list[str], current: str) -> list[str]:
    """The new order: `mine` first, or behind `current` where that is first."""
    others = [number for number in order if number and number not in mine]
    first = 1 if others[:1] == [current] else 0
    return [*others[:first], *mine, *others[first:]]


def entries(text: str) -> list[str]:
    """The numbers of the entries that are ours, in what efibootmgr tells."""
    return re.findall(rf"(?m)^Boot([0-9A-F]{{4}})[* ] {LABEL}(?:\t|$)", text)


def field(text: str, name: str) -> str:
    """A value that efibootmgr tells by its name."""
    found = re.search(rf"(?m)^{name}: (.*)$", text)
    return found[1] if found else ""


def told() -> str:
    """The firmware's entries, as efibootmgr tells them."""
    return subprocess.run(["efibootmgr"], capture_output=True, text=True, check=False).stdout


def loader_of(node: str) -> str:
    """The path of the loader on an EFI system partition; empty when it has none."""
    SEED_PLACE.mkdir(exist_ok=True)
    run("mount", "-t", "vfat", "-o", "ro", node, str(SEED_PLACE))
    try:
        files = [str(path.relative_to(SEED_PLACE)) for path in sorted(SEED_PLACE.rglob("*"))]
        return best_loader(files, os.uname().machine)
    finally:
        run("umount", str(SEED_PLACE))


def best_loader(files: Sequence[str], processor: str) -> str:
    """The loader for this processor that firmware would take by itself, else a distribution's."""
    for pattern in LOADERS:
        matches = re.compile(pattern.format(SUFFIX.get(processor, "")), re.IGNORECASE).fullmatch
        if found := next(filter(matches, files), ""):
            return found
    return ""
