"""What a machine is told that tries the network while no operation wants it to."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from pxe.dhcp.packet import MessageType, Option, Packet
from pxe.dhcp.policy import Answer, Idle, Ignored, Policy
from pxe.dhcp.terms import Terms

MAC = "52:54:00:00:00:01"
FIRST = IPv4Address("10.1.0.10")
SHIM, GRUB = "shimx64.efi", "grubx64.efi"
NETWORK = IPv4Network("10.1.0.0/24")
LOADERS = frozenset({SHIM, GRUB})
TERMS = Terms(IPv4Address("10.1.0.1"), NETWORK, "http://10.1.0.1:8080", loaders=LOADERS, boots_disks=True)


class Site:
    """One machine, with nothing to do."""

    def lookup(self, mac: str) -> Idle | str:
        return Idle("rack1-07") if mac == MAC else "no machine has this MAC"

    def offer(self, mac: str, operation_id: str, network: IPv4Network) -> IPv4Address:
        assert network == TERMS.network
        assert (mac, operation_id) == (MAC, "")
        return FIRST

    def confirm(self, mac: str, address: IPv4Address, operation_id: str) -> None:
        raise AssertionError((mac, address, operation_id))

    def release(self, mac: str) -> None:
        raise AssertionError(mac)

    def decline(self, mac: str, address: IPv4Address) -> None:
        raise AssertionError(mac, address)


def told(arch: bytes, terms: Terms = TERMS, **more: object) -> Answer | Ignored:
    options = {Option.MESSAGE_TYPE: bytes([MessageType.DISCOVER]), Option.VENDOR_CLASS: b"PXEClient"}
    if arch:
        options |= {Option.CLIENT_ARCH: arch}
    packet = replace(Packet(1, 7, MAC, options), **more)  # type: ignore[arg-type] # any field
    return Policy(terms, Site(), Site()).answer(packet)


def test_bios_gets_a_menu_whose_only_item_is_its_disk() -> None:
    """Item 0, taken at once and without asking any boot server (PXE 2.1, 2.2.2)."""
    answer = told(b"\0\0")
    assert isinstance(answer, Answer)
    assert answer.packet.yiaddr == FIRST
    assert answer.packet.file == b""
    assert Option.BOOT_FILE not in answer.packet.options
    assert answer.packet.options[Option.VENDOR_CLASS] == b"PXEClient"
    assert answer.packet.options[Option.VENDOR_OPTIONS] == b"\6\1\3\x09\7\0\0\4disk\x0a\5\0disk\xff"


@pytest.mark.parametrize("arch", [b"\0\7", b"\0\x09"])
def test_uefi_gets_the_loader_that_starts_its_disk(arch: bytes) -> None:
    """A menu would send OVMF to its next network entry."""
    answer = told(arch)
    assert isinstance(answer, Answer)
    assert answer.packet.file == answer.packet.options[Option.BOOT_FILE] == SHIM.encode()
    assert answer.packet.options[Option.VENDOR_OPTIONS] == b"\6\1\x08\xff"
    assert Option.KERNEL_ARGUMENTS not in answer.packet.options


def test_grub_comes_alone_where_there_is_no_shim_or_no_secure_boot() -> None:
    """An iPXE in the NIC's ROM is not signed, so there is no Secure Boot; and shim does not find GRUB through it."""
    alone = told(b"\0\7", replace(TERMS, loaders=frozenset({GRUB})))
    ipxe = told(b"", options={Option.MESSAGE_TYPE: b"\1", Option.CLIENT_ARCH: b"\0\7", Option.USER_CLASS: b"iPXE"})
    assert isinstance(alone, Answer)
    assert isinstance(ipxe, Answer)
    assert alone.packet.file == ipxe.packet.file == GRUB.encode()


def test_no_token_is_bound_when_it_takes_its_address() -> None:
    """There is no operation that the address could be good for; `Site.confirm` would fail."""
    options = {Option.MESSAGE_TYPE: b"\3", Option.CLIENT_ARCH: b"\0\7", Option.REQUESTED_ADDRESS: FIRST.packed}
    answer = told(b"", options=options)
    assert isinstance(answer, Answer)
    assert (answer.packet.kind, answer.wanted) == (MessageType.ACK, Idle("rack1-07"))


@pytest.mark.parametrize(
    ("arch", "terms", "why"),
    [
        (b"\0\7", replace(TERMS, boots_disks=False), "no operation wants it"),
        (b"\0\7", replace(TERMS, proxy=True), "no operation wants it"),
        (b"\0\7", replace(TERMS, loaders=frozenset()), "no loader for its disk (uefi-x64)"),
        (b"\0\x06", TERMS, "no loader for its disk (other-firmware)"),
        (b"\0\x10", TERMS, "uefi-http-x64"),
        (b"", TERMS, "system"),
    ],
)
def test_who_is_not_told_is_left_alone(arch: bytes, terms: Terms, why: str) -> None:
    """As it is set; beside another server; without GRUB; an unknown firmware; HTTP boot; a running system."""
    ignored = told(arch, terms)
    assert isinstance(ignored, Ignored)
    assert why in ignored.why


def test_a_stranger_is_never_answered() -> None:
    """Another server may boot it."""
    assert told(b"\0\7", mac="52:54:00:00:00:99") == Ignored("no machine has this MAC")
