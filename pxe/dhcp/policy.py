"""What a request is answered. No I/O: who is wanted and who has which address is asked of what is handed in.

RFC 2131, 4.3; PXE 2.1 for the proxy; UEFI 2.10, 24.7 for HTTP
boot. Who is not known is never answered. A machine that no operation wants booted is told to boot its disk, or left
alone too, as it is set.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Protocol

from pxe.dhcp.client import ARM64, HTTP_CLIENTS, Client, architecture_of, client_of, firmware_of
from pxe.dhcp.local_boot import USE_BOOT_FILE, Boot, disk_boot
from pxe.dhcp.packet import ANY, MessageType, Option, Packet
from pxe.dhcp.secure_boot import SHIMS, hindrance
from pxe.dhcp.terms import Terms

_REQUEST_OP, _REPLY_OP = 1, 2
_REQUESTS = frozenset(
    {
        MessageType.DISCOVER,
        MessageType.REQUEST,
        MessageType.DECLINE,
        MessageType.RELEASE,
        MessageType.INFORM,
    }
)
_NO_PROXY = bytes([176, 1, 1])  # iPXE's no-pxedhcp: otherwise it waits 3 s for a proxy's offer
_FILE_LIMIT = 127
_ECHOED = (Option.CLIENT_ID, Option.CLIENT_UUID, Option.RELAY_AGENT)  # RFC 6842, RFC 4578, RFC 3046

LOADERS: Mapping[Client, str] = {
    Client.BIOS: "undionly.kpxe",
    Client.UEFI_X64: "snponly.efi",
    Client.UEFI_ARM64: "snponly-arm64.efi",
    Client.UEFI_HTTP_X64: "snponly.efi",
    Client.UEFI_HTTP_ARM64: "snponly-arm64.efi",
}
"""The first loader for each firmware, by the name that TFTP and HTTP boot know it by."""


@dataclass(frozen=True)
class Wanted:
    """A machine that an operation wants booted. `script_url` and `kernel_arguments` carry the operation's token."""

    machine: str
    operation_id: str
    script_url: str = field(repr=False)
    kernel_arguments: str = field(default="", repr=False)
    secure_boot: bool = False


@dataclass(frozen=True)
class Idle:
    """A machine of this site that no operation wants booted from the network."""

    machine: str
    why: str = "no operation wants it booted from the network"


class Directory(Protocol):
    """Knows which machines are to boot."""

    def lookup(self, mac: str) -> Wanted | Idle | str:
        """The machine with this NIC; else why it is none of ours."""
        ...


class Leases(Protocol):
    """Knows which address is whose. The same MAC gets the same address for as long as it is free."""

    def offer(self, mac: str, operation_id: str, network: IPv4Network) -> IPv4Address | str:
        """An address for `mac` in `network`, its own from now on; else why it gets none."""
        ...

    def confirm(self, mac: str, address: IPv4Address, operation_id: str) -> None:
        """The machine uses `address`: the operation's token is good from there."""
        ...

    def release(self, mac: str) -> None:
        """The machine gives its address back."""
        ...

    def decline(self, mac: str, address: IPv4Address) -> None:
        """The machine found `address` in use."""
        ...


@dataclass(frozen=True)
class Ignored:
    """No answer, and why. `costs_a_boot` says that an operation will not get its machine unless somebody acts."""

    why: str
    wanted: Wanted | Idle | None = None
    costs_a_boot: bool = False


@dataclass(frozen=True)
class Answer:
    """A reply, and for whom."""

    packet: Packet
    wanted: Wanted | Idle


@dataclass(frozen=True)
class Policy:
    """Decides about requests."""

    terms: Terms
    directory: Directory
    leases: Leases

    def answer(self, asked: Packet, *, proxy_port: bool = False) -> Answer | Ignored:
        """The reply to a request; `proxy_port` says that it came to port 4011."""
        if asked.op != _REQUEST_OP or asked.kind not in _REQUESTS:
            return Ignored("not a DHCP request")
        terms = self.terms.where(asked)
        if isinstance(terms, str):
            return Ignored(terms)
        if terms != self.terms:
            return replace(self, terms=terms).answer(asked, proxy_port=proxy_port)
        return self._answer(asked, proxy_port=proxy_port)

    def _answer(self, asked: Packet, *, proxy_port: bool) -> Answer | Ignored:
        if asked.kind in (MessageType.RELEASE, MessageType.DECLINE):
            return self._given_back(asked)
        wanted = self.directory.lookup(asked.mac)
        if isinstance(wanted, str):
            return Ignored(wanted)
        if isinstance(wanted, Idle):
            told = self._told_to_boot_its_disk(asked, wanted)
        elif why := self._lack(asked, wanted):
            return Ignored(why, wanted, costs_a_boot=True)
        else:
            told = self._told(asked, wanted, proxy_port=proxy_port)
        if isinstance(told, str):
            return Ignored(told, wanted, costs_a_boot=isinstance(wanted, Wanted) and not self.terms.proxy)
        return Answer(told, wanted)

    def _lack(self, asked: Packet, wanted: Wanted) -> str:
        """Why there is no loader for this client; empty when there is, or when it needs none."""
        client = client_of(asked)
        if client is Client.OTHER_FIRMWARE:
            return f"there is no loader for firmware of architecture {architecture_of(asked)}, option 93"
        if wanted.secure_boot:
            return hindrance(client, self.terms.loaders, proxy=self.terms.proxy)
        loader = LOADERS.get(client, "")
        if not loader or loader in self.terms.loaders:
            return ""
        if loader == LOADERS[Client.UEFI_ARM64]:
            return "there is no iPXE for arm64 in pxe.loaders: Debian 13's package ipxe has one, ipxe-arm64.efi"
        return f"there is no {loader} in pxe.loaders: install Debian's package ipxe"

    def _told(self, asked: Packet, wanted: Wanted, *, proxy_port: bool) -> Packet | str:
        if self.terms.proxy:
            return self._proxied(asked, wanted, proxy_port=proxy_port)
        if asked.kind is MessageType.INFORM:
            return self._reply(asked, MessageType.ACK, self._boot(asked, wanted), ANY)
        return self._addressed(asked, self._boot(asked, wanted), wanted.operation_id)

    def _told_to_boot_its_disk(self, asked: Packet, idle: Idle) -> Packet | str:
        """No token is bound to the address, which is only there because no firmware takes an answer without one."""
        if not self.terms.boots_disks or self.terms.proxy or asked.kind is MessageType.INFORM:
            return idle.why
        boot = disk_boot(asked, str(self.terms.server).encode(), self.terms.loaders)
        return f"{idle.why}; {boot}" if isinstance(boot, str) else self._addressed(asked, boot)

    def _given_back(self, asked: Packet) -> Ignored:
        address = asked.address(Option.REQUESTED_ADDRESS)
        if asked.address(Option.SERVER_ID) != self.terms.identifier:
            return Ignored("meant for another server")
        if asked.kind is MessageType.DECLINE:
            if address is None:
                return Ignored("declined without saying what")
            self.leases.decline(asked.mac, address)
            return Ignored(f"address {address} declined: another host uses it")
        self.leases.release(asked.mac)
        return Ignored("address given back")

    def _addressed(self, asked: Packet, boot: Boot, operation_id: str = "") -> Packet | str:
        chosen = asked.address(Option.SERVER_ID)
        if chosen not in (None, self.terms.identifier):
            return f"server {chosen} was chosen, another DHCP server on this network: only one can give addresses here"
        claimed = asked.address(Option.REQUESTED_ADDRESS) or asked.ciaddr
        if asked.kind is MessageType.REQUEST and claimed == ANY:
            return "a request for no address"
        address = self.leases.offer(asked.mac, operation_id, self.terms.network)
        if isinstance(address, str):
            return address
        if asked.kind is MessageType.DISCOVER:
            return self._reply(asked, MessageType.OFFER, boot, address)
        if claimed != address:
            return self._refusal(asked, f"{claimed} is not this machine's address, {address} is")
        if operation_id:
            self.leases.confirm(asked.mac, address, operation_id)
        return self._reply(asked, MessageType.ACK, boot, address)

    def _proxied(self, asked: Packet, wanted: Wanted, *, proxy_port: bool) -> Packet | str:
        if asked.kind is MessageType.REQUEST:
            # The only sight of the machine's address: its broadcast to the other server, or its request to port 4011,
            # which iPXE, and ROMs that have their boot file from the offer, never send.
            claimed = asked.address(Option.REQUESTED_ADDRESS) or asked.ciaddr
            if claimed != ANY:
                self.leases.confirm(asked.mac, claimed, wanted.operation_id)
        if client_of(asked) is Client.SYSTEM:
            return "another server gives addresses here, and this client boots nothing"
        if asked.kind is MessageType.DISCOVER:
            return self._reply(asked, MessageType.OFFER, self._boot(asked, wanted), ANY)
        if asked.kind is MessageType.REQUEST and proxy_port:
            return self._reply(asked, MessageType.ACK, self._boot(asked, wanted), ANY)
        return "another server gives addresses here"

    def _reply(self, asked: Packet, kind: MessageType, boot: Boot, address: IPv4Address) -> Packet:
        options = self._kind(kind) | self.terms.network_options(address) | dict(boot.options)
        if client_of(asked) is Client.IPXE:
            # iPXE takes no proxy's offer without the class, and waits for one unless it is told that there is none
            options |= {Option.VENDOR_CLASS: b"PXEClient"} if self.terms.proxy else {Option.IPXE: _NO_PROXY}
        options |= {code: asked.options[code] for code in _ECHOED if code in asked.options}
        return Packet(
            op=_REPLY_OP,
            xid=asked.xid,
            mac=asked.mac,
            options=options,
            flags=asked.flags,
            ciaddr=asked.ciaddr if kind is MessageType.ACK else ANY,
            yiaddr=address,
            siaddr=self.terms.server,
            giaddr=asked.giaddr,
            file=boot.file if len(boot.file) <= _FILE_LIMIT else b"",
        )

    def _refusal(self, asked: Packet, why: str) -> Packet:
        echoed = {code: asked.options[code] for code in _ECHOED if code in asked.options}
        options = self._kind(MessageType.NAK) | {Option.MESSAGE: why.encode()} | echoed
        return Packet(_REPLY_OP, asked.xid, asked.mac, options, flags=asked.flags | 0x8000, giaddr=asked.giaddr)

    def _kind(self, kind: MessageType) -> dict[int, bytes]:
        return {Option.MESSAGE_TYPE: bytes([kind]), Option.SERVER_ID: self.terms.identifier.packed}

    def _boot(self, asked: Packet, wanted: Wanted) -> Boot:
        client = client_of(asked)
        file = self._boot_file(asked, client, wanted)
        options = _boot_options(client, file, self.terms.server)
        if wanted.secure_boot and client in SHIMS:
            options[Option.KERNEL_ARGUMENTS] = wanted.kernel_arguments.encode()
        return Boot(file, options)

    def _boot_file(self, asked: Packet, client: Client, wanted: Wanted) -> bytes:
        if client is Client.IPXE:
            return (wanted.script_url + ("?arch=aarch64" if firmware_of(asked) in ARM64 else "")).encode()
        loader = (SHIMS if wanted.secure_boot else LOADERS).get(client, "")
        return (f"{self.terms.http_url}/loaders/{loader}" if client in HTTP_CLIENTS else loader).encode()


def _boot_options(client: Client, file: bytes, server: IPv4Address) -> dict[int, bytes]:
    if not file:
        return {}
    options: dict[int, bytes] = {Option.BOOT_FILE: file}
    if client in HTTP_CLIENTS:
        return options | {Option.VENDOR_CLASS: b"HTTPClient"}  # without it UEFI takes the answer for another client's
    if client is not Client.IPXE:
        options |= {Option.TFTP_SERVER: str(server).encode(), Option.VENDOR_CLASS: b"PXEClient"}
        options[Option.VENDOR_OPTIONS] = USE_BOOT_FILE
    return options
