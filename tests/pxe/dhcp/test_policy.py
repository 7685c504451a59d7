"""What a request is answered: every rule, without a socket."""

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from pxe.dhcp.packet import ANY, MessageType, Option, Packet
from pxe.dhcp.policy import Answer, Ignored, Policy, Wanted
from pxe.dhcp.server import destination
from pxe.dhcp.terms import Terms

MAC = "52:54:00:00:00:01"
SERVER = IPv4Address("10.1.0.1")
FIRST = IPv4Address("10.1.0.10")
URL = "http://10.1.0.1:8080/boot/v1/" + "a" * 65 + "/script.ipxe"
LOADERS = frozenset({"undionly.kpxe", "snponly.efi", "snponly-arm64.efi"})
NETWORK = IPv4Network("10.1.0.0/24")
TERMS = Terms(SERVER, NETWORK, "http://10.1.0.1:8080", SERVER, (SERVER,), 600, loaders=LOADERS)
UEFI = {Option.CLIENT_ARCH: b"\0\7", Option.VENDOR_CLASS: b"PXEClient:Arch:00007", Option.CLIENT_UUID: b"\0" * 17}


@dataclass
class Site:
    """One wanted machine and a range of one address, in memory."""

    room: int = 1
    given: dict[str, IPv4Address] = field(default_factory=dict)
    confirmed: list[tuple[str, IPv4Address]] = field(default_factory=list)
    declined: list[IPv4Address] = field(default_factory=list)

    def lookup(self, mac: str) -> Wanted | str:
        return Wanted("rack1-07", "op", URL) if mac == MAC else "no machine has this MAC"

    def offer(self, mac: str, operation_id: str, network: IPv4Network) -> IPv4Address | str:
        assert network == TERMS.network
        assert operation_id == "op"
        if mac not in self.given and len(self.given) < self.room:
            self.given[mac] = FIRST + len(self.given)
        return self.given.get(mac, "no address is left")

    def confirm(self, mac: str, address: IPv4Address, operation_id: str) -> None:
        assert operation_id == "op"
        self.confirmed.append((mac, address))

    def release(self, mac: str) -> None:
        self.given.pop(mac, None)

    def decline(self, mac: str, address: IPv4Address) -> None:
        self.declined.append(address)
        self.given.pop(mac, None)


@pytest.fixture
def site() -> Site:
    return Site()


def asked(kind: MessageType, more: dict[int, bytes] | None = None, **fields: object) -> Packet:
    options = {**UEFI, Option.MESSAGE_TYPE: bytes([kind]), **(more or {})}
    return replace(Packet(1, 7, MAC, options), **fields)  # type: ignore[arg-type] # any field


def answer(site: Site, packet: Packet, *, proxy: bool = False, proxy_port: bool = False) -> Packet:
    told = Policy(replace(TERMS, proxy=proxy), site, site).answer(packet, proxy_port=proxy_port)
    assert isinstance(told, Answer), told
    assert told.wanted == Wanted("rack1-07", "op", URL)
    return told.packet


def ignored(site: Site, packet: Packet, *, proxy: bool = False) -> str:
    told = Policy(replace(TERMS, proxy=proxy), site, site).answer(packet)
    assert isinstance(told, Ignored), told
    return told.why


def test_a_firmware_is_offered_an_address_and_its_loader(site: Site) -> None:
    """Everything that a ROM needs to fetch its loader by TFTP."""
    told = answer(site, asked(MessageType.DISCOVER))
    assert told.kind is MessageType.OFFER
    assert (told.yiaddr, told.siaddr, told.file) == (FIRST, SERVER, b"snponly.efi")
    assert told.options[Option.BOOT_FILE] == b"snponly.efi"
    assert told.options[Option.TFTP_SERVER] == b"10.1.0.1"
    assert told.options[Option.SUBNET_MASK] == IPv4Address("255.255.255.0").packed
    assert told.options[Option.LEASE_TIME] == (600).to_bytes(4)
    assert told.options[Option.CLIENT_UUID] == b"\0" * 17


@pytest.mark.parametrize(
    ("arch", "loader"),
    [
        (b"\0\0", "undionly.kpxe"),
        (b"\0\7", "snponly.efi"),
        (b"\0\x09", "snponly.efi"),
        (b"\0\x0b", "snponly-arm64.efi"),
        (b"\0\x10", "http://10.1.0.1:8080/loaders/snponly.efi"),
        (b"\0\x13", "http://10.1.0.1:8080/loaders/snponly-arm64.efi"),
        (b"\0\6\0\7", "snponly.efi"),
    ],
)
def test_each_firmware_gets_its_own_loader(site: Site, arch: bytes, loader: str) -> None:
    """BIOS, UEFI x64 under both of its numbers, arm64, both by HTTP boot; and the first of several that there is."""
    assert answer(site, asked(MessageType.DISCOVER, {Option.CLIENT_ARCH: arch})).file == loader.encode()


@pytest.mark.parametrize(
    ("arch", "why"),
    [
        (b"\0\7", "there is no snponly.efi in pxe.loaders: install Debian's package ipxe"),
        (b"\0\x0b", "there is no iPXE for arm64 in pxe.loaders: Debian 13's package ipxe has one"),
        (b"\0\x13", "there is no iPXE for arm64"),
    ],
)
def test_a_loader_that_is_not_installed_is_named(site: Site, arch: bytes, why: str) -> None:
    """The firmware would ask TFTP for it in vain; an iPXE in its NIC needs none."""
    policy = Policy(replace(TERMS, loaders=frozenset()), site, site)
    told = policy.answer(asked(MessageType.DISCOVER, {Option.CLIENT_ARCH: arch}))
    assert isinstance(told, Ignored)
    assert (told.costs_a_boot, told.why.startswith(why)) == (True, True), told.why
    rom = policy.answer(asked(MessageType.DISCOVER, {Option.CLIENT_ARCH: arch, Option.USER_CLASS: b"iPXE"}))
    assert isinstance(rom, Answer)


def test_ipxe_on_arm64_says_so_when_it_fetches_its_script(site: Site) -> None:
    """There its ramdisk is refused in words when it is for x86_64."""
    told = answer(site, asked(MessageType.DISCOVER, {Option.USER_CLASS: b"iPXE", Option.CLIENT_ARCH: b"\0\x0b"}))
    assert told.options[Option.BOOT_FILE] == f"{URL}?arch=aarch64".encode()


@pytest.mark.parametrize("proxy", [False, True])
def test_a_firmware_without_a_loader_is_ignored_by_name(site: Site, *, proxy: bool) -> None:
    """An address alone would let it wait in silence; the log names the architecture."""
    why = "there is no loader for firmware of architecture "
    for arch, name in ((b"\0\x06", "6 (x86 UEFI, 32 bits)"), (b"\0\x1b\x12\x34", "27 (RISC-V UEFI, 64 bits) or 4660")):
        packet = asked(MessageType.DISCOVER, {Option.CLIENT_ARCH: arch})
        told = Policy(replace(TERMS, proxy=proxy), site, site).answer(packet)
        assert isinstance(told, Ignored)
        assert told.costs_a_boot
        assert told.why.startswith(why + name)
    assert site.given == {}


def test_ipxe_gets_its_script(site: Site) -> None:
    """The URL is too long for the `file` field of some machines, so it is in option 67 in any case."""
    told = answer(site, asked(MessageType.DISCOVER, {Option.USER_CLASS: b"iPXE"}))
    assert told.options[Option.BOOT_FILE] == URL.encode()
    assert told.file in (b"", URL.encode())


def test_ipxe_is_told_that_there_is_no_proxy(site: Site) -> None:
    """Its option 175.176 (no-pxedhcp); else it waits 3 s for one. Beside another server we are that proxy."""
    ipxe = asked(MessageType.DISCOVER, {Option.USER_CLASS: b"iPXE"})
    assert answer(site, ipxe).options[Option.IPXE] == b"\xb0\1\1"
    assert Option.IPXE not in answer(site, ipxe, proxy=True).options
    assert Option.IPXE not in answer(site, asked(MessageType.DISCOVER)).options


def test_uefi_http_boot_gets_a_url_and_its_class_back(site: Site) -> None:
    """Without the class HTTPClient in the answer EDK2 drops it."""
    more = {Option.CLIENT_ARCH: b"\0\x10", Option.VENDOR_CLASS: b"HTTPClient:Arch:00016:UNDI:003001"}
    told = answer(site, asked(MessageType.DISCOVER, more))
    assert told.options[Option.BOOT_FILE] == b"http://10.1.0.1:8080/loaders/snponly.efi"
    assert told.options[Option.VENDOR_CLASS] == b"HTTPClient"


def test_an_operating_system_gets_an_address_and_nothing_to_boot(site: Site) -> None:
    """The ramdisk's own DHCP client is not a firmware."""
    told = answer(site, Packet(1, 7, MAC, {Option.MESSAGE_TYPE: b"\1", Option.VENDOR_CLASS: b"udhcp 1.35"}))
    assert told.yiaddr == FIRST
    assert Option.BOOT_FILE not in told.options


def test_a_request_is_acknowledged_and_binds_the_token(site: Site) -> None:
    """Selecting, then the same again, as when the acknowledgement was lost."""
    offer = answer(site, asked(MessageType.DISCOVER))
    selecting = asked(
        MessageType.REQUEST, {Option.SERVER_ID: SERVER.packed, Option.REQUESTED_ADDRESS: offer.yiaddr.packed}
    )
    for _ in range(2):
        assert answer(site, selecting).kind is MessageType.ACK
    assert site.confirmed == [(MAC, FIRST)] * 2


def test_renewing_is_acknowledged(site: Site) -> None:
    """A machine that has its address names it in `ciaddr` and is answered there."""
    renewing = asked(MessageType.REQUEST, ciaddr=FIRST)
    told = answer(site, renewing)
    assert told.kind is MessageType.ACK
    assert destination(renewing, told, ("10.1.0.10", 68)) == ("10.1.0.10", 68)


def test_a_wrong_address_is_refused(site: Site) -> None:
    """A machine that was moved from another network is told so, and begins anew."""
    told = answer(site, asked(MessageType.REQUEST, {Option.REQUESTED_ADDRESS: IPv4Address("192.168.0.9").packed}))
    assert told.kind is MessageType.NAK
    assert told.yiaddr == ANY


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (asked(MessageType.DISCOVER, mac="52:54:00:00:00:99"), "no machine has this MAC"),
        (asked(MessageType.REQUEST, {Option.SERVER_ID: bytes([10, 1, 0, 2])}), "server 10.1.0.2 was chosen"),
        (
            asked(MessageType.DISCOVER, giaddr=IPv4Address("10.9.0.1")),
            "relay 10.9.0.1 is in none of the provisioning networks",
        ),
        (asked(MessageType.OFFER, op=2), "not a DHCP request"),
        (asked(MessageType.OFFER), "not a DHCP request"),
        (asked(MessageType.ACK, ciaddr=FIRST), "not a DHCP request"),
        (asked(MessageType.REQUEST), "a request for no address"),
        (asked(MessageType.DECLINE, {Option.SERVER_ID: SERVER.packed}), "without saying what"),
        (Packet(1, 7, MAC, {}), "not a DHCP request"),
        (asked(MessageType.RELEASE, {Option.SERVER_ID: bytes([10, 1, 0, 2])}), "meant for another server"),
    ],
)
def test_others_are_ignored_with_a_reason(site: Site, packet: Packet, why: str) -> None:
    """So that another DHCP server on the same network is not disturbed."""
    assert why in ignored(site, packet)


def test_a_full_range_is_said(site: Site) -> None:
    """No address left is a reason, not a crash."""
    site.room = 0
    assert "no address" in ignored(site, asked(MessageType.DISCOVER))


def test_release_and_decline(site: Site) -> None:
    """An address comes back, or is left alone when somebody else uses it; neither is answered."""
    answer(site, asked(MessageType.DISCOVER))
    ignored(site, asked(MessageType.DECLINE, {Option.SERVER_ID: SERVER.packed, Option.REQUESTED_ADDRESS: FIRST.packed}))
    assert site.declined == [FIRST]
    answer(site, asked(MessageType.DISCOVER))
    ignored(site, asked(MessageType.RELEASE, {Option.SERVER_ID: SERVER.packed}))
    assert site.given == {}


def test_beside_another_server_only_booting_is_told(site: Site) -> None:
    """The proxy offers no address, answers on port 4011 from where it was asked, and leaves systems alone."""
    offer = answer(site, asked(MessageType.DISCOVER), proxy=True)
    assert offer.yiaddr == ANY
    assert offer.options[Option.VENDOR_CLASS] == b"PXEClient"
    assert Option.LEASE_TIME not in offer.options
    assert Option.SUBNET_MASK not in offer.options
    request = asked(MessageType.REQUEST, ciaddr=FIRST)
    told = answer(site, request, proxy=True, proxy_port=True)
    assert told.file == b"snponly.efi"
    assert destination(request, told, ("10.1.0.10", 68), proxy_port=True) == ("10.1.0.10", 68)
    assert site.confirmed == [(MAC, FIRST)]
    assert "another server" in ignored(site, Packet(1, 7, MAC, {Option.MESSAGE_TYPE: b"\1"}), proxy=True)


def test_beside_another_server_ipxe_takes_the_script(site: Site) -> None:
    """It takes a proxy's offer for one by the class PXEClient, and never asks port 4011 when it names a file."""
    offer = answer(site, asked(MessageType.DISCOVER, {Option.USER_CLASS: b"iPXE"}), proxy=True)
    assert offer.options[Option.VENDOR_CLASS] == b"PXEClient"
    assert offer.options[Option.BOOT_FILE] == URL.encode()
    assert offer.siaddr == SERVER
    assert Option.VENDOR_OPTIONS not in offer.options


def test_beside_another_server_the_token_is_bound_by_what_is_overheard(site: Site) -> None:
    """The machine's broadcast to the other server names its address; so does the ramdisk's renewal."""
    other = {Option.SERVER_ID: bytes([10, 1, 0, 2]), Option.REQUESTED_ADDRESS: FIRST.packed}
    assert "another server" in ignored(site, asked(MessageType.REQUEST, other), proxy=True)
    system = Packet(1, 7, MAC, {Option.MESSAGE_TYPE: b"\3"}, ciaddr=FIRST + 1)
    assert "another server" in ignored(site, system, proxy=True)
    assert site.confirmed == [(MAC, FIRST), (MAC, FIRST + 1)]


def test_who_only_informs_itself_gets_no_lease(site: Site) -> None:
    """The network's facts and no address, no lease time (RFC 2131, 4.3.5)."""
    inform = asked(MessageType.INFORM, ciaddr=FIRST)
    told = answer(site, inform)
    assert (told.kind, told.yiaddr, told.ciaddr) == (MessageType.ACK, ANY, FIRST)
    assert Option.SUBNET_MASK in told.options
    assert Option.LEASE_TIME not in told.options
    assert destination(inform, told, ("10.1.0.10", 68)) == ("10.1.0.10", 68)
    assert site.given == {}


def test_a_relay_elsewhere_names_the_machines_network(site: Site) -> None:
    """RFC 3527: giaddr is where the relay is reached, its link selection where the machine is."""
    giaddr = IPv4Address("192.168.7.1")
    request = asked(MessageType.DISCOVER, {Option.RELAY_AGENT: b"\5\4" + FIRST.packed}, giaddr=giaddr)
    told = answer(site, request)
    assert told.yiaddr == FIRST
    assert destination(request, told, ("192.168.7.1", 67)) == ("192.168.7.1", 67)
    elsewhere = asked(MessageType.DISCOVER, {Option.RELAY_AGENT: b"\5\4\x0a\x09\0\0"}, giaddr=FIRST)
    assert "relay 10.9.0.0 is in none of" in ignored(site, elsewhere)


@pytest.mark.parametrize("code", [Option.CLIENT_ID, Option.CLIENT_UUID, Option.RELAY_AGENT])
@pytest.mark.parametrize("kind", [MessageType.DISCOVER, MessageType.REQUEST])
def test_what_a_client_and_its_relay_must_find_again(site: Site, code: int, kind: MessageType) -> None:
    """RFC 6842, RFC 4578 and RFC 3046 have it echoed, in an offer as in a refusal."""
    wrong = {Option.REQUESTED_ADDRESS: IPv4Address("192.168.0.9").packed}
    assert answer(site, asked(kind, {code: b"\1\2ab", **wrong})).options[code] == b"\1\2ab"


@pytest.mark.parametrize(
    ("relay_option", "port"), [(b"\x01\x02ab", 67), (b"\x01\x02ab\x13\x02\x00\x00", 5067), (b"", 67), (b"\x13", 67)]
)
def test_a_relay_is_answered_where_it_asks_to_be(site: Site, relay_option: bytes, port: int) -> None:
    """On port 67, or with RFC 8357 on the port that it asked from; its option comes back unchanged."""
    request = asked(MessageType.DISCOVER, {Option.RELAY_AGENT: relay_option}, giaddr=IPv4Address("10.1.0.2"))
    told = answer(site, request)
    assert told.options[Option.RELAY_AGENT] == relay_option
    assert destination(request, told, ("10.1.0.2", 5067)) == ("10.1.0.2", port)


def test_a_client_without_an_address_is_answered_by_broadcast(site: Site) -> None:
    """Anything else would need raw sockets."""
    request = asked(MessageType.DISCOVER)
    assert destination(request, answer(site, request), ("0.0.0.0", 68)) == ("255.255.255.255", 68)
