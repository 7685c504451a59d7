"""Finding the file of arguments on a CD: on xorriso's, on the stand-in of simulated machines, and in garbage."""

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmprov.errors import Invalid
from bmprov.sim.cd import stand_in
from images import iso9660
from images.ramdisk import medium
from tests import debian

TOLD = "bmprov.api=http://10.1.0.1:8080/ramdisk/v1 bmprov.token=0123.ab BOOTIF=01-52-54-00-00-00-01"


def place_in(image: bytes) -> iso9660.Extent:
    folder = iso9660.root_folder(part(image, iso9660.DESCRIPTOR))
    return iso9660.file_in(part(image, folder), medium.ARGUMENTS)


def part(image: bytes, extent: iso9660.Extent) -> bytes:
    return image[extent.offset : extent.offset + extent.size_bytes]


def test_the_ramdisk_s_cd_has_room_for_arguments(ramdisk: Path) -> None:
    """Beside what boots it by BIOS and UEFI, and the ramdisk itself."""
    image = (ramdisk / medium.NAME).read_bytes()
    place = place_in(image)
    assert part(image, place) == medium.arguments_file("")
    assert (ramdisk / "vmlinuz").read_bytes() in image
    assert (ramdisk / "initrd").read_bytes() in image
    catalog = int.from_bytes(image[17 * 2048 + 71 : 17 * 2048 + 75], "little") * 2048  # El Torito 1.0, 2.0
    assert (image[catalog + 32], image[catalog + 64], image[catalog + 65], image[catalog + 96]) == (
        0x88,
        0x91,
        0xEF,
        0x88,
    )


def test_grub_reads_what_is_put_there(tmp_path: Path) -> None:
    """GRUB's own reader finds the same place, and the stand-in is sound ISO 9660."""
    image = bytearray(stand_in())
    place = place_in(bytes(image))
    image[place.offset : place.offset + place.size_bytes] = medium.arguments_file(TOLD)
    (tmp_path / "cd.iso").write_bytes(image)
    grub = debian.program("grub-fstest", "grub-common")
    command = [grub, str(tmp_path / "cd.iso"), "cat", f"(loop0)/{medium.ARGUMENTS}"]
    told = subprocess.run(command, capture_output=True, check=True).stdout
    assert medium.arguments_in(told) == TOLD


@pytest.mark.parametrize("arguments", ["x" * 3000, "a=${b}", "it's", "a\nb"])
def test_what_grub_would_act_on_is_refused(arguments: str) -> None:
    """Or what does not fit."""
    with pytest.raises(Invalid):
        medium.arguments_file(arguments)


@given(garbage=st.binary(max_size=4000))
def test_garbage_is_told(garbage: bytes) -> None:
    """Whatever is read, it is a place or an error of ours, and comes to an end."""
    image = stand_in()
    folder = part(image, iso9660.root_folder(part(image, iso9660.DESCRIPTOR)))
    for act in (
        lambda: iso9660.root_folder(garbage),
        lambda: iso9660.file_in(garbage, medium.ARGUMENTS),
        lambda: iso9660.file_in(folder[:150] + garbage, "nothing"),
        lambda: medium.arguments_in(garbage),
    ):
        with suppress(Invalid):
            act()
