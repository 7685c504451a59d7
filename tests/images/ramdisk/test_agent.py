"""The agent's decisions and its codecs, without a machine."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from images.ramdisk.agent import firmware
from images.ramdisk.agent.lldp import read_lldp
from images.ramdisk.agent.machine import choose_disk
from images.ramdisk.agent.settling import partition_number
from images.ramdisk.agent.words import GivesUp


def disk(name: str, size: int, serial: str = "", *, rotational: bool = False) -> dict[str, Any]:
    return {"name": name, "size_bytes": size, "serial": serial, "wwn": f"eui.{serial}", "rotational": rotational}


DISKS = [
    disk("sda", 4000, "big", rotational=True),
    disk("nvme0n1", 1000, "quick"),
    disk("sdb", 2000, "old", rotational=True),
]


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [
        ({}, "nvme0n1"),
        ({"min_size_bytes": 1001}, "sdb"),
        ({"serial": "big"}, "sda"),
        ({"wwn": "eui.old"}, "sdb"),
        ({"wwn": "0xOLD"}, "sdb"),
        ({"rotational": True}, "sdb"),
        ({"rotational": True, "min_size_bytes": 3000}, "sda"),
        ({"max_size_bytes": 1500}, "nvme0n1"),
    ],
)
def test_the_smallest_disk_that_the_rule_allows(rule: dict[str, Any], chosen: str) -> None:
    """Every hint narrows the choice; of what is left the smallest is taken."""
    assert choose_disk(DISKS, rule)["name"] == chosen


@pytest.mark.parametrize(
    ("found", "rule", "words"),
    [
        (DISKS, {"min_size_bytes": 5000}, "no disk takes the image, which needs 5000 bytes; there is sda of 4000"),
        (DISKS, {"serial": "gone"}, "no disk takes the image, which needs 0 bytes, serial gone; there is sda"),
        ([], {}, "the machine has no disk that can be written"),
    ],
)  # fmt: skip
def test_no_disk_is_told_with_what_is_there(found: list[dict[str, Any]], rule: dict[str, Any], words: str) -> None:
    """The sentence names what was wanted and what the machine has."""
    with pytest.raises(GivesUp) as caught:
        choose_disk(found, rule)
    assert str(caught.value).startswith(words)


def tlv(kind: int, value: bytes) -> bytes:
    return (kind << 9 | len(value)).to_bytes(2) + value


def test_a_neighbour_is_read() -> None:
    """Chassis and port may be MACs or names; what follows the end is not read."""
    frame = tlv(1, b"\x04\x00\x1c\x73\x00\x00\x01") + tlv(2, b"\x05Ethernet7") + tlv(3, b"\0x") + tlv(5, b"leaf-1")
    frame += tlv(4, b"rack 1, unit 7")
    assert read_lldp(frame + tlv(0, b"") + tlv(5, b"padding")) == {
        "chassis": "00:1c:73:00:00:01",
        "port": "Ethernet7",
        "description": "rack 1, unit 7",
        "system": "leaf-1",
    }


def test_a_neighbour_with_a_long_name() -> None:
    """What it says is cut to what the service takes: a switch must not end a deployment."""
    identifiers = tlv(1, b"\x07" + b"c" * 254) + tlv(2, b"\x05" + b"p" * 254)
    told = read_lldp(identifiers + tlv(4, b"d" * 255) + tlv(5, b"s" * 255))
    assert {len(name) for name in told.values()} == {200}


@given(st.binary(max_size=300))
def test_garbage_on_the_link_is_no_harm(frame: bytes) -> None:
    """Whatever arrives, there are names or none."""
    assert read_lldp(frame).keys() <= {"chassis", "port", "description", "system"}


@pytest.mark.parametrize(
    ("disk", "node", "number"), [("/dev/sda", "/dev/sda3", 3), ("/dev/nvme0n1", "/dev/nvme0n1p12", 12)]
)
def test_the_number_of_a_partition(disk: str, node: str, number: int) -> None:
    """Disks whose names end in a digit have a p before it."""
    assert partition_number(disk, node) == number


TOLD = """BootCurrent: 0003
Timeout: 0 seconds
BootOrder: 0003,0001,0005,0000
Boot0000* UiApp
Boot0001* UEFI Misc Device
Boot0003* UEFI PXEv4 (MAC:525400770001)
Boot0005* bmprov
Boot0006  bmprov	HD(2,GPT,0)
Boot0007* bmprov rescue
"""


def test_our_boot_entries_are_known_by_their_name() -> None:
    """With and without a device path behind it, active or not; what only begins so is another's."""
    assert firmware.entries(TOLD) == ["0005", "0006"]
    assert firmware.field(TOLD, "BootCurrent") == "0003"
    assert firmware.field(TOLD, "BootNext") == ""


@pytest.mark.parametrize(
    ("order", "current", "expected"),
    [
        (["0001", "0003"], "0003", ["0009", "0001", "0003"]),
        (["0003", "0001"], "0003", ["0003", "0009", "0001"]),
        (["0009", "0001"], "0003", ["0009", "0001"]),
        ([""], "", ["0009"]),
    ],
)
def test_the_disk_is_first_where_the_network_is_not(order: list[str], current: str, expected: list[str]) -> None:
    """Who has put the network first keeps it there: an idle machine is sent on to its disk."""
    assert firmware.ordered(["0009"], order, current) == expected


@pytest.mark.parametrize(
    ("files", "processor", "expected"),
    [
        (["EFI/BOOT/BOOTIA32.EFI", "EFI/BOOT/BOOTX64.EFI", "EFI/debian/shimx64.efi"], "x86_64", "EFI/BOOT/BOOTX64.EFI"),
        (["efi/boot/bootaa64.efi", "efi/boot/bootx64.efi"], "aarch64", "efi/boot/bootaa64.efi"),
        (["EFI/rocky/grubx64.efi", "EFI/rocky/shimx64.efi"], "x86_64", "EFI/rocky/shimx64.efi"),
        (["EFI/Microsoft/Boot/bootmgfw.efi"], "x86_64", "EFI/Microsoft/Boot/bootmgfw.efi"),
        (["EFI/BOOT/BOOTX64.EFI"], "riscv64", ""),
    ],
)
def test_the_loader_that_firmware_would_take(files: list[str], processor: str, expected: str) -> None:
    """The one for this processor at the standard place, else a distribution's shim, else its GRUB, else Windows'."""
    assert firmware.best_loader(files, processor) == expected


def test_two_disks_that_are_the_same_to_the_rule() -> None:
    """Who asks for one by a rule is told of both; who asks for none gets the same one in each order of names."""
    pair = [disk("sda", 1000, "two"), disk("sdb", 1000, "one"), disk("sdc", 5000, "big", rotational=True)]
    with pytest.raises(GivesUp, match="several disks are what root_disk asks for: sdb of 1000 bytes, serial one"):
        choose_disk(pair, {"rotational": False})
    assert choose_disk(pair, {})["serial"] == "one"
    swapped = [pair[1] | {"name": "sda"}, pair[0] | {"name": "sdb"}]
    assert choose_disk(swapped, {})["serial"] == "one"
