"""Who is to boot and who has which address, from the store: the DHCP policy's two questions, answered in SQL."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from bmprov.model import NOTE, StepRun
from bmprov.settings import PxeSettings
from bmprov.store import Transaction
from bmprov.store.leases import Lease
from bmprov.subnet import Subnet
from bmprov.vault import Vault
from pxe.dhcp.policy import Idle, Wanted
from pxe.free_addresses import FreeAddresses
from pxe.script import kernel_arguments
from pxe.seats import Known, Seats

_KEPT = 1.1
"""A lease is kept a tenth longer than the machine is told, and so need not be written each time that it asks again."""


@dataclass(frozen=True)
class StoreDirectory:
    """A machine is wanted when an unfinished operation of this site has opened its network boot."""

    seats: Seats
    vault: Vault
    settings: PxeSettings
    site: str

    def lookup(self, mac: str) -> Wanted | Idle | str:
        """The machine with this NIC; else why it is none of ours."""
        seat = self.seats.of(mac).seat
        if seat is None:
            return "no machine has this MAC"
        if seat.site != self.site:
            return f"machine {seat.machine} belongs to site {seat.site}"
        if not seat.netboot:
            return Idle(seat.machine)
        token, base = self.vault.operation_token(seat.operation_id), self.settings.http_url
        url = f"{base}/boot/v1/{token}/script.ipxe"
        arguments = kernel_arguments(base, token, self.settings.kernel_arguments)
        return Wanted(seat.machine, seat.operation_id, url, arguments, secure_boot=seat.secure_boot)


class StoreLeases:
    """Addresses of one site's ranges, kept in SQL so that several DHCP servers give them out as one."""

    def __init__(self, seats: Seats, settings: PxeSettings, site: str) -> None:
        self._seats = seats
        self._store = seats.store
        self._site = site
        self._lease_s = settings.lease_s
        self._ranges = {subnet.network: (subnet, FreeAddresses(site, subnet)) for subnet in settings.subnets}
        self._own = settings.network

    def offer(self, mac: str, operation_id: str, network: IPv4Network | None = None) -> IPv4Address | str:
        """An address for `mac` in `network` (None is this host's): the one it has, else the first that is free.

        A machine is on one network for as long as an operation lasts: a request with its MAC from another one does not
        take its token from it. The answer is why there is no address, then as when there is none left.
        """
        subnet, free = self._ranges.get(network or self._own) or self._ranges[self._own]
        held = self._held(self._seats.of(mac), subnet)
        if held and held.expires_at > self._store.clock() + self._lease_s / 2:
            return IPv4Address(held.ip)
        self._seats.changed(mac)
        with self._store.write() as transaction:
            transaction.one_at_a_time(f"leases of {self._site}")
            bound = operation.boot_ip if (operation := transaction.operations.get(operation_id)) else None
            if bound and self._subnet_of(IPv4Address(bound)) not in (None, subnet):
                what = "forged, or cabled anew meanwhile"
                return f"it asks from {subnet.network}, and has {bound} in this operation: {what}"
            kept = self._kept(transaction, mac, operation_id, subnet)
            if kept is None and bound and not transaction.leases.is_leased(bound, self._site):
                kept = bound if subnet.has(IPv4Address(bound)) else None  # it was given back meanwhile
            address = kept or free.take(transaction)
            if address is None:
                return f"no address is left in the range {subnet.range_first} to {subnet.range_last}: make it larger"
            give = transaction.leases.give if kept else transaction.leases.give_anew
            give(mac, address, self._site, operation_id, self._lease_s * _KEPT)
            return IPv4Address(address)

    def confirm(self, mac: str, address: IPv4Address, operation_id: str) -> None:
        """The machine uses `address`: the operation's token is good from there."""
        known = self._seats.of(mac)
        bound, leased = _is_bound(known, str(address), operation_id), self._is_leased(known, str(address))
        if bound and leased:
            return  # asked again, by a machine that waits or by its next loader: a write each would be too slow
        self._seats.changed(mac)
        with self._store.write() as transaction:
            if not bound:
                transaction.operations.set_boot_ip(operation_id, str(address))
                self._note(transaction, mac, address, operation_id)
            if not leased:  # as after an offer of long ago
                transaction.leases.give(mac, str(address), self._site, operation_id, self._lease_s * _KEPT)

    def _note(self, transaction: Transaction, mac: str, address: IPv4Address, operation_id: str) -> None:
        """Tell in the timeline which NIC asked, what it was given, and where, as far as a relay or a switch says."""
        operation, seen = transaction.operations.get(operation_id), transaction.sightings.of(mac)
        if operation is None:
            return
        words = f"NIC {mac} was given {address}"
        if seen is not None:
            relay = f"relay {seen.relay}" if seen.relay else ""
            words += f"; option 82 says {', '.join(filter(None, (seen.remote_id, seen.circuit_id, relay)))}"
        run = StepRun("DHCP", 1, transaction.now, transaction.now, NOTE, words)
        transaction.operations.record(operation, run)

    def release(self, mac: str) -> None:
        """The machine gives its address back."""
        self._seats.changed(mac)
        with self._store.write() as transaction:
            transaction.leases.release(mac)

    def decline(self, mac: str, address: IPv4Address) -> None:
        """The machine found `address` in use; only its own is believed, so that nobody empties the range."""
        self._seats.changed(mac)
        with self._store.write() as transaction:
            held = transaction.leases.of([mac]).get(mac)
            if held and (held.ip, held.site) == (str(address), self._site):
                transaction.leases.decline(held.ip, self._site)

    def _subnet_of(self, address: IPv4Address) -> Subnet | None:
        return next((subnet for subnet, _ in self._ranges.values() if subnet.has(address)), None)

    def _is_leased(self, known: Known, address: str) -> bool:
        """Whether the machine has the address for as long as it is told."""
        lease = known.lease
        if lease is None or (lease.ip, lease.site) != (address, self._site):
            return False
        return lease.expires_at > self._store.clock() + self._lease_s

    def _kept(self, transaction: Transaction, mac: str, operation_id: str, subnet: Subnet) -> str | None:
        """The address that `mac` has, or had and nobody has taken since."""
        held = self._held(Known(None, transaction.leases.of([mac]).get(mac)), subnet)
        if held is None:
            return None
        free = held.expires_at > transaction.now or not transaction.leases.is_bound(held.ip, self._site, operation_id)
        return held.ip if free else None

    def _held(self, known: Known, subnet: Subnet) -> Lease | None:
        """The lease that a NIC had last, unless the range has been moved since, or the machine."""
        lease = known.lease
        return lease if lease and lease.site == self._site and subnet.has(IPv4Address(lease.ip)) else None


def _is_bound(known: Known, address: str, operation_id: str) -> bool:
    """Whether the operation's token is good from the address."""
    seat = known.seat
    return seat is not None and (seat.operation_id, seat.boot_ip) == (operation_id, address)
