"""What a machine with Secure Boot is told."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from pxe.dhcp.packet import MessageType, Option, Packet, parse, serialise
from pxe.dhcp.policy import Answer, Ignored, Policy, Wanted
from pxe.dhcp.terms import Terms

MAC = "52:54:00:00:00:01"
FIRST = IPv4Address("10.1.0.10")
NETWORK = IPv4Network("10.1.0.0/24")
LOADERS = frozenset({"shimx64.efi", "grubx64.efi", "snponly.efi"})
TERMS = Terms(IPv4Address("10.1.0.1"), NETWORK, "http://10.1.0.1:8080", loaders=LOADERS)
SCRIPT = "http://10.1.0.1:8080/boot/v1/TOKEN/script.ipxe"
ARGUMENTS = f"bmprov.api=http://10.1.0.1:8080/ramdisk/v1 bmprov.token={'a' * 97}"
X64 = {Option.CLIENT_ARCH: b"\0\7", Option.VENDOR_CLASS: b"PXEClient:Arch:00007"}


class Site:
    """One machine with Secure Boot, whose deployment is under way."""

    def lookup(self, mac: str) -> Wanted | str:
        assert mac == MAC
        return Wanted("rack1-07", "op", SCRIPT, ARGUMENTS, secure_boot=True)

    def offer(self, mac: str, operation_id: str, network: IPv4Network) -> IPv4Address:
        assert network == TERMS.network
        assert (mac, operation_id) == (MAC, "op")
        return FIRST

    def confirm(self, mac: str, address: IPv4Address, operation_id: str) -> None:
        assert (mac, address, operation_id) == (MAC, FIRST, "op")

    def release(self, mac: str) -> None:
        raise AssertionError(mac)

    def decline(self, mac: str, address: IPv4Address) -> None:
        raise AssertionError(mac, address)


def told(options: dict[int, bytes], terms: Terms = TERMS, kind: MessageType = MessageType.DISCOVER) -> Answer | Ignored:
    packet = Packet(1, 7, MAC, options | {Option.MESSAGE_TYPE: bytes([kind])})
    return Policy(terms, Site(), Site()).answer(packet)


def test_it_gets_shim_and_the_arguments_of_its_kernel() -> None:
    """In the answer that firmware keeps, however long the token is; GRUB reads them there."""
    options = X64 | {Option.REQUESTED_ADDRESS: FIRST.packed}
    answer = told(options, kind=MessageType.REQUEST)
    assert isinstance(answer, Answer)
    kept = parse(serialise(answer.packet, 576))
    assert (kept.kind, kept.file) == (MessageType.ACK, b"shimx64.efi")
    assert kept.options[Option.KERNEL_ARGUMENTS] == ARGUMENTS.encode()
    assert kept.options[Option.VENDOR_OPTIONS] == b"\6\1\x08\xff"


def test_others_of_its_boots_are_as_ever() -> None:
    """An iPXE that runs all the same, and the ramdisk's own client: no arguments for them."""
    ipxe = told(X64 | {Option.USER_CLASS: b"iPXE"})
    system = told({Option.VENDOR_CLASS: b"udhcp 1.35"})
    assert isinstance(ipxe, Answer)
    assert isinstance(system, Answer)
    assert ipxe.packet.options[Option.BOOT_FILE] == SCRIPT.encode()
    assert Option.KERNEL_ARGUMENTS not in ipxe.packet.options | system.packet.options


@pytest.mark.parametrize(
    ("options", "terms", "why"),
    [
        (X64, replace(TERMS, loaders=frozenset({"snponly.efi"})), "packages shim-signed and grub-efi-amd64-signed"),
        (X64, replace(TERMS, proxy=True), "pxe.mode = 'server' only"),
        (X64 | {Option.CLIENT_ARCH: b"\0\x10"}, TERMS, "by PXE and not by UEFI HTTP boot"),
    ],
)
def test_what_hinders_it_is_said(options: dict[int, bytes], terms: Terms, why: str) -> None:
    """Instead of a loader that the firmware would refuse without a word to us."""
    answer = told(options, terms)
    assert isinstance(answer, Ignored)
    assert why in answer.why
