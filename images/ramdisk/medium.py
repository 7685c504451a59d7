"""The ramdisk as a CD: one image for all machines, with room for what the machine of a single operation is told.

That is a file of fixed size, a script of GRUB's that sets the kernel's arguments. Whoever serves the image puts those
of the operation into its place.
"""

import re

from bmprov.errors import Invalid

NAME = "ramdisk.iso"
"""The image, in the folder that the ramdisk is served from."""

ARGUMENTS = "bmprov.cfg"
"""The file on the CD, in its root folder."""

ARGUMENTS_BYTES = 2048

_SCRIPT = re.compile(rb"set arguments='([^']*)'\n+")
_WORDS = re.compile(r"[A-Za-z0-9=,.:_/ -]*")  # what GRUB takes as it is


def arguments_file(arguments: str) -> bytes:
    """The file with these arguments; without any, the CD boots nothing and says why.

    Raises:
        Invalid: they are too long, or GRUB would act on something in them.
    """
    script = f"set arguments='{arguments}'\n".encode()
    if len(script) > ARGUMENTS_BYTES or not _WORDS.fullmatch(arguments):
        raise Invalid("the kernel's arguments do not fit onto the ramdisk's CD", "look at pxe.kernel_arguments")
    return script.ljust(ARGUMENTS_BYTES, b"\n")


def arguments_in(file: bytes) -> str:
    """The arguments in the file.

    Raises:
        Invalid: it is not of the form that `arguments_file` gives it.
    """
    found = _SCRIPT.fullmatch(file)
    if found is None:
        raise Invalid("the CD's file of arguments is none")
    return found[1].decode("ascii", "replace")
