"""Who is to boot and who has which address, from the store: the DHCP policy's two questions, answered in SQL."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from bmprov.model import Machine, Operation
from bmprov.settings import PxeSettings
from bmprov.store import Store, Transaction
from bmprov.store.leases import first_free
from bmprov.subnet import Subnet
from bmprov.vault import Vault
from pxe.dhcp.policy import Idle, Wanted
from pxe.script import kernel_arguments

_KEPT = 1.1
"""A lease is kept a tenth longer than the machine is told, and so need not be written each time that it asks again."""


@dataclass(frozen=True)
class StoreDirectory:
    """A machine is wanted when an unfinished operation of this site has opened its network boot."""

    store: Store
    vault: Vault
    settings: PxeSettings
    site: str

    def lookup(self, mac: str) -> Wanted | Idle | str:
        """The machine with this NIC; else why it is none of ours."""
        with self.store.read() as transaction:
            machine = transaction.machines.with_mac(mac)
            operation = transaction.operations.unfinished_of(machine.id) if machine else None
        return self._judged(machine, operation)

    def _judged(self, machine: Machine | None, operation: Operation | None) -> Wanted | Idle | str:
        if machine is None:
            return "no machine has this MAC"
        if machine.site != self.site:
            return f"machine {machine.name} belongs to site {machine.site}"
        if operation is None or not operation.netboot:
            return Idle(machine.name)
        token, base = self.vault.operation_token(operation.id), self.settings.http_url
        url = f"{base}/boot/v1/{token}/script.ipxe"
        arguments = kernel_arguments(base, token, self.settings.kernel_arguments)
        return Wanted(machine.name, operation.id, url, arguments, secure_boot=machine.secure_boot)


@dataclass(frozen=True)
class StoreLeases:
    """Addresses of one site's range, kept in SQL so that several DHCP servers give them out as one."""

    store: Store
    settings: PxeSettings
    site: str

    def offer(self, mac: str, operation_id: str, network: IPv4Network | None = None) -> IPv4Address | str:
        """An address for `mac` in `network` (None is this host's): the one it has, else the first that is free.

        A machine is on one network for as long as an operation lasts: a request with its MAC from another one does not
        take its token from it. The answer is why there is no address, then as when there is none left.
        """
        subnet = self._subnet(network)
        with self.store.read() as transaction:
            held = self._held(transaction, mac, subnet)
            if held and transaction.leases.lasts(mac, self.settings.lease_s / 2):
                return IPv4Address(held)
        with self.store.write() as transaction:
            transaction.one_at_a_time(f"leases of {self.site}")
            bound = operation.boot_ip if (operation := transaction.operations.get(operation_id)) else None
            if bound and self._subnet_of(IPv4Address(bound)) not in (None, subnet):
                what = "forged, or cabled anew meanwhile"
                return f"it asks from {subnet.network}, and has {bound} in this operation: {what}"
            address = self._choose(transaction, mac, operation_id, subnet)
            if address is None:
                return f"no address is left in the range {subnet.range_first} to {subnet.range_last}: make it larger"
            transaction.leases.give(mac, address, self.site, operation_id, self.settings.lease_s * _KEPT)
            return IPv4Address(address)

    def confirm(self, mac: str, address: IPv4Address, operation_id: str) -> None:
        """The machine uses `address`: the operation's token is good from there."""
        if self._is_known(mac, str(address), operation_id):
            return  # asked again, by a machine that waits or by its next loader: a write each would be too slow
        with self.store.write() as transaction:
            transaction.operations.set_boot_ip(operation_id, str(address))
            transaction.leases.give(mac, str(address), self.site, operation_id, self.settings.lease_s * _KEPT)

    def _is_known(self, mac: str, address: str, operation_id: str) -> bool:
        with self.store.read() as transaction:
            operation = transaction.operations.get(operation_id)
            held = transaction.leases.of(mac, self.site) == address
            lasts = transaction.leases.lasts(mac, self.settings.lease_s)
        return operation is not None and operation.boot_ip == address and held and lasts

    def release(self, mac: str) -> None:
        """The machine gives its address back."""
        with self.store.write() as transaction:
            transaction.leases.release(mac)

    def decline(self, mac: str, address: IPv4Address) -> None:
        """The machine found `address` in use; only its own is believed, so that nobody empties the range."""
        with self.store.write() as transaction:
            if transaction.leases.of(mac, self.site) == str(address):
                transaction.leases.decline(str(address), self.site)

    def _subnet(self, network: IPv4Network | None) -> Subnet:
        subnets = self.settings.subnets
        return next((subnet for subnet in subnets if subnet.network == network), subnets[0])

    def _subnet_of(self, address: IPv4Address) -> Subnet | None:
        return next((subnet for subnet in self.settings.subnets if subnet.has(address)), None)

    def _choose(self, transaction: Transaction, mac: str, operation_id: str, subnet: Subnet) -> str | None:
        held, taken = self._held(transaction, mac, subnet), transaction.leases.taken(self.site, operation_id)
        if held and (held not in taken or transaction.leases.lasts(mac, 0)):
            return held
        first, last = int(subnet.range_first), int(subnet.range_last)
        return first_free((str(IPv4Address(number)) for number in range(first, last + 1)), taken)

    def _held(self, transaction: Transaction, mac: str, subnet: Subnet) -> str | None:
        """The address that `mac` had last, unless the range has been moved since, or the machine."""
        held = transaction.leases.of(mac, self.site)
        return held if held and subnet.has(IPv4Address(held)) else None
