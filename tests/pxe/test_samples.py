"""What real clients have said, as captured in the lab: each packet is read, written and answered.

A sample is a text file: a line for each payload of the client, its kind and its bytes in hexadecimal.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from pxe.dhcp.client import Client, client_of, firmware_of
from pxe.dhcp.packet import MessageType, Option, Packet, parse, serialise
from pxe.dhcp.policy import Answer, Ignored, Policy, Wanted
from pxe.dhcp.terms import Terms
from pxe.tftp_packets import data, options_ack, parse_request
from pxe.tftp_transfer import Ended, Outcome, Transfer

SAMPLES = Path(__file__).parent / "samples"
SERVER = IPv4Address("10.77.0.1")
LOADERS = frozenset({"shimx64.efi", "grubx64.efi", "snponly.efi"})
TERMS = Terms(SERVER, IPv4Network("10.77.0.0/24"), "http://10.77.0.1:8080", loaders=LOADERS)
SCRIPT = "http://10.77.0.1:8080/boot/v1/TOKEN/script.ipxe"
CONTENT = bytes(32000)
READ, ERROR = b"\0\1", b"\0\5"
CLIENTS = {
    "seabios-ipxe-rom": (Client.IPXE, Client.BIOS),
    "ipxe-undionly": (Client.IPXE, Client.BIOS),
    "ipxe-snponly": (Client.IPXE, Client.UEFI_X64),
    "ovmf-pxe": (Client.UEFI_X64, Client.UEFI_X64),
    "udhcpc": (Client.SYSTEM, Client.SYSTEM),
}
FILES = {Client.IPXE: SCRIPT, Client.UEFI_X64: "snponly.efi", Client.SYSTEM: ""}


def said(name: str, *kinds: str) -> list[bytes]:
    """The payloads of these kinds in a sample; all of them when none is named."""
    lines = [line.split() for line in (SAMPLES / f"{name}.txt").read_text().splitlines() if not line.startswith("#")]
    return [bytes.fromhex(payload) for kind, payload in lines if not kinds or kind in kinds]


def samples(kind: str) -> list[str]:
    return [path.stem for path in sorted(SAMPLES.glob("*.txt")) if said(path.stem, kind)]


@dataclass
class Site:
    """Wants every machine, and gives each the address that it asks for."""

    asked: Packet
    secure_boot: bool = False
    bound: list[IPv4Address] = field(default_factory=list)

    def lookup(self, mac: str) -> Wanted:
        assert mac == "52:54:00:77:00:01"
        return Wanted("rack1-07", "op", SCRIPT, "bmprov.token=TOKEN", secure_boot=self.secure_boot)

    def offer(self, mac: str, operation_id: str, network: IPv4Network) -> IPv4Address:
        assert network == TERMS.network
        assert (mac, operation_id) == (self.asked.mac, "op")
        return self.asked.address(Option.REQUESTED_ADDRESS) or IPv4Address("10.77.0.100")

    def confirm(self, mac: str, address: IPv4Address, operation_id: str) -> None:
        assert (mac, operation_id) == (self.asked.mac, "op")
        self.bound.append(address)

    def release(self, mac: str) -> None:
        raise AssertionError(mac)

    def decline(self, mac: str, address: IPv4Address) -> None:
        raise AssertionError(mac, address)


def answers(name: str, *, secure_boot: bool = False) -> Iterator[Packet]:
    """What the client hears: an offer, then an acknowledgement, with which its address is bound."""
    for payload in said(name, "discover", "request"):
        site = Site(parse(payload), secure_boot)
        answer = Policy(TERMS, site, site).answer(site.asked)
        assert isinstance(answer, Answer), answer
        heard = parse(serialise(answer.packet, site.asked.reply_limit_bytes))
        assert site.bound == ([heard.yiaddr] if site.asked.kind is MessageType.REQUEST else [])
        assert (heard.xid, heard.mac, heard.options[Option.SERVER_ID]) == (
            site.asked.xid,
            site.asked.mac,
            SERVER.packed,
        )
        yield heard


@pytest.mark.parametrize("name", samples("discover"))
def test_what_is_read_is_written_as_it_was(name: str) -> None:
    """Every option of a real client survives our codec."""
    for payload in said(name, "discover", "request"):
        packet = parse(payload)
        assert packet.op == 1
        assert parse(serialise(packet)) == packet
        assert packet.options[Option.MESSAGE_TYPE] in (b"\1", b"\3")


@pytest.mark.parametrize(("name", "expected"), CLIENTS.items())
def test_each_client_is_known_and_told_what_is_its(name: str, expected: tuple[Client, Client]) -> None:
    """For iPXE its script, for a firmware its loader and the word to use it at once, for a system an address alone."""
    client, firmware = expected
    first = parse(said(name)[0])
    assert (client_of(first), firmware_of(first)) == expected
    offer, given = answers(name)
    assert (offer.kind, given.kind) == (MessageType.OFFER, MessageType.ACK)
    assert offer.options[Option.LEASE_TIME] == given.options[Option.LEASE_TIME] == (600).to_bytes(4)
    for heard in (offer, given):
        assert heard.options.get(Option.BOOT_FILE, b"").decode() == FILES[client]
        assert (Option.IPXE in heard.options) is (client is Client.IPXE)
        assert (Option.VENDOR_OPTIONS in heard.options) is (client is firmware is Client.UEFI_X64)
        assert heard.options.get(Option.CLIENT_UUID) == first.options.get(Option.CLIENT_UUID)


def test_ovmf_with_secure_boot_is_told_what_grub_reads() -> None:
    """In the acknowledgement, which it keeps for GRUB."""
    _, given = answers("ovmf-pxe", secure_boot=True)
    assert given.options[Option.BOOT_FILE] == b"shimx64.efi"
    assert given.options[Option.KERNEL_ARGUMENTS] == b"bmprov.token=TOKEN"


def test_a_client_that_takes_another_servers_offer_is_told_of() -> None:
    """RFC 2131, 4.3.2: its request names the server. The log says which, as a warning."""
    (request,) = said("udhcpc-other-server", "request")
    site = Site(parse(request))
    ignored = Policy(TERMS, site, site).answer(site.asked)
    assert isinstance(ignored, Ignored)
    assert ignored.costs_a_boot
    assert "server 10.77.0.2 was chosen, another DHCP server on this network" in ignored.why
    beside = Policy(replace(TERMS, proxy=True), site, site).answer(site.asked)
    assert isinstance(beside, Ignored)
    assert not beside.costs_a_boot


def test_every_sample_is_of_a_client_that_is_known_here() -> None:
    """None lies there unread."""
    assert set(samples("discover")) == {*CLIENTS, "udhcpc-other-server"}
    assert set(samples("read")) == {"seabios-ipxe-rom", "ovmf-pxe", "shim-tftp", "grub-tftp"}


@pytest.mark.parametrize("name", samples("read"))
def test_each_transfer_goes_its_way(name: str) -> None:
    """What is asked for is agreed on, as it was spelled; each acknowledgement brings the window after it."""
    for asked, *replies in transfers(name):
        request = parse_request(asked)
        transfer = Transfer(request, lambda _: io.BytesIO(CONTENT), 0.0)
        size = {"tsize": str(len(CONTENT))} if "tsize" in request.options else {}
        assert transfer.begin(0.0) == [options_ack(request.options | size)]
        for reply in replies:
            told = transfer.receive(reply, 0.1)
            if reply[:2] == ERROR:
                assert isinstance(told, Ended)
                assert told.outcome is Outcome.ABORTED
            else:
                assert told == window(request.options, int.from_bytes(reply[2:4]))


def transfers(name: str) -> list[list[bytes]]:
    """A sample's TFTP packets: of each transfer its request, and what follows."""
    found: list[list[bytes]] = []
    for payload in said(name, "read", "ack", "error"):
        if payload[:2] == READ:
            found.append([])
        found[-1].append(payload)
    return found


def window(options: Mapping[str, str], acknowledged: int) -> list[bytes]:
    block_bytes = int(options["blksize"])
    blocks = range(acknowledged, acknowledged + int(options.get("windowsize", "1")))
    return [data(block + 1, CONTENT[block * block_bytes : (block + 1) * block_bytes]) for block in blocks]
