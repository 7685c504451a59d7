"""An EFI system partition as a file of its own, with mtools: no loop device and no root is needed."""

from collections.abc import Mapping
from pathlib import Path

from images.ramdisk.programs import Root

PACKAGES = ("dosfstools", "mtools")
"""The programs that make it."""


def make(root: Root, image: Path, size_bytes: int, files: Mapping[str, bytes]) -> None:
    """Make a FAT file system of this size that holds these files, by their paths.

    Raises:
        Fatal: they do not fit, or a program failed.
    """
    with image.open("wb") as file:
        file.truncate(size_bytes)
    root.run("mkfs.fat", "-n", "EFI", str(image))
    made: set[str] = set()
    for name, content in files.items():
        parts = name.split("/")
        for folder in ("/".join(parts[:depth]) for depth in range(1, len(parts))):
            if folder not in made:
                root.run("mmd", "-i", str(image), f"::{folder}", MTOOLS_SKIP_CHECK="1")
                made.add(folder)
        root.run("mcopy", "-i", str(image), "-", f"::{name}", told=content, MTOOLS_SKIP_CHECK="1")
