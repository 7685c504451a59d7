"""The orders of people: enrol, power, inspect, release, maintenance, remove."""

import uuid
from dataclasses import dataclass, fields

from bmprov.actions import CHECK, MARK_FIXED, NETWORK_APPLY, NETWORK_CHECK, NETWORK_PLAN
from bmprov.cabling import Source
from bmprov.console import Admission
from bmprov.errors import Conflict, Invalid
from bmprov.lifecycle import Kind
from bmprov.model import Arch, BackEnd, Bmc, BootFrom, BootMode, Machine, Nic, Operation, Role
from bmprov.orders.cable_entry import NicPort, enter_cable
from bmprov.orders.consoles import ConsoleOrder, order_console
from bmprov.orders.desk import Caller, OrderDesk, named
from bmprov.orders.places import refuse_impossible
from bmprov.orders.rules import Order, refuse
from bmprov.place import Place
from bmprov.power import BmcLogin, PowerAction
from bmprov.store import Transaction

NOTES_CHARS = 4000
_NOTED_CHARS = 80


@dataclass(frozen=True)
class NewMachine:
    """A machine to enrol, with the cables of its NICs that are known; the other fields are those of `Machine`."""

    name: str
    bmc: BmcLogin
    second_bmc: BmcLogin | None = None
    nics: tuple[Nic, ...] = ()
    cables: tuple[NicPort, ...] = ()
    arch: Arch = Arch.X86_64
    boot_mode: BootMode = BootMode.UEFI
    secure_boot: bool = False
    boot_from: BootFrom = BootFrom.NETWORK
    cpus: int = 0
    memory_mib: int = 0
    disk_gib: int = 0
    tags: tuple[str, ...] = ()
    site: str = "default"
    zone: str = ""
    pod: str = ""
    rack: str = ""
    rack_position: int | None = None
    height_u: int = 1


class MachineOrders(OrderDesk):
    """Orders about machines, whatever instance has them."""

    def enrol(self, new: NewMachine, caller: Caller) -> tuple[Machine, Operation]:
        """Enter a machine and begin to inspect it.

        Raises:
            Conflict: its name, its BMC or a MAC is known already, or another machine is where it is said to be.
            Invalid: it is to boot from virtual media, which its BMCs cannot have, or a cable of it makes no sense.
            NotFound: there is no switch of the name that a cable has.
        """
        same = {item.name: getattr(new, item.name) for item in fields(new) if item.name != "cables"}
        bmcs = {"bmc": self._sealed(new.bmc), "second_bmc": self._sealed(new.second_bmc) if new.second_bmc else None}
        back_end = BackEnd.FAKE if new.bmc.address.startswith("fake://") else BackEnd.DIRECT
        machine = Machine(**same | bmcs | {"id": str(uuid.uuid4()), "back_end": back_end})
        _refuse_no_media(machine, machine.boot_from)
        with self._store.write() as transaction:
            transaction.one_at_a_time("BMCs")
            refuse_impossible(transaction, machine, machine.place)
            transaction.machines.add(machine)
            self._audit(transaction, caller, "enrol", machine)
            for cable in new.cables:
                enter_cable(transaction, machine, cable, Source.FILE, caller)
            operation = self._begin(transaction, caller, Kind.INSPECT, machine)
            return transaction.machines.get(machine.id) or machine, operation

    def power(self, machine_name: str, action: PowerAction, caller: Caller) -> Operation:
        """Begin a power operation on a machine."""
        with self._store.write() as transaction:
            return self._begin(transaction, caller, Kind.POWER, self._meant(transaction, machine_name, caller), action)

    def check(self, machine_name: str, caller: Caller) -> Operation:
        """Begin to find out whether a machine can do what will be asked of it; nothing is changed.

        Raises:
            Conflict: something else is under way on it.
        """
        with self._store.write() as transaction:
            return self._command(transaction, caller, self._meant(transaction, machine_name, caller), CHECK, {})

    def check_network(self, machine_name: str, caller: Caller) -> Operation:
        """Begin to compare what a machine's switch ports must carry with what they do; nothing is changed.

        Raises:
            Conflict: something else is under way on it.
        """
        with self._store.write() as transaction:
            return self._command(transaction, caller, self._meant(transaction, machine_name, caller), NETWORK_CHECK, {})

    def apply_network(self, machine_name: str, caller: Caller, *, dry_run: bool) -> Operation:
        """Begin to set a machine's switch ports to what they must carry, or only to tell the commands for it.

        Raises:
            Conflict: something else is under way on it.
        """
        action = NETWORK_PLAN if dry_run else NETWORK_APPLY
        with self._store.write() as transaction:
            return self._command(transaction, caller, self._meant(transaction, machine_name, caller), action, {})

    def mark_fixed(self, machine_name: str, caller: Caller) -> Operation:
        """Begin to put a machine that is Broken in MAAS into use again.

        Raises:
            Conflict: something else is under way on it.
            Invalid: it is not MAAS's.
        """
        with self._store.write() as transaction:
            machine = self._meant(transaction, machine_name, caller)
            refuse(Order.MARK_FIXED, machine)
            return self._command(transaction, caller, machine, MARK_FIXED, {})

    def console_of(self, machine_name: str, caller: Caller) -> ConsoleOrder:
        """A place at a machine's console; who may only read may only watch.

        Raises:
            Conflict: its BMC has none.
        """
        with self._store.read() as transaction:
            machine = named(transaction, machine_name)
            may_write = caller.role in (Role.OPERATOR, Role.ADMIN)
            admission = Admission(machine.id, caller.name, may_write=may_write)
            return order_console(machine, transaction.consoles.of(machine.id), admission)

    def inspect(self, machine_name: str, caller: Caller) -> Operation:
        """Begin to inspect a machine; one in `error` that no instance has comes back into the pool by it."""
        with self._store.write() as transaction:
            machine = self._meant(transaction, machine_name, caller)
            refuse(Order.INSPECT, machine)
            return self._begin(transaction, caller, Kind.INSPECT, machine)

    def release(self, machine_name: str, caller: Caller) -> Operation:
        """Begin to give a machine back, whatever instance has it."""
        with self._store.read() as transaction:
            machine_id = named(transaction, machine_name).id
        self._interrupt(machine_id, caller, Kind.RELEASE)
        with self._store.write() as transaction:
            return self._begin(transaction, caller, Kind.RELEASE, named(transaction, machine_id))

    def maintenance(self, machine_name: str, reason: str, caller: Caller) -> Machine:
        """Set the maintenance flag with a reason, or clear it with an empty one."""
        with self._store.write() as transaction:
            machine = self._meant(transaction, machine_name, caller, "maintenance", "maintenance ended", "quarantined")
            transaction.machines.set_maintenance(machine, reason, caller.name)
            self._audit(transaction, caller, "maintenance" if reason else "maintenance ended", machine, detail=reason)
            return named(transaction, machine.id)

    def put_at(self, machine_name: str, place: Place, caller: Caller) -> Machine:
        """Note where a machine stands.

        Raises:
            Conflict: another machine does.
            Invalid: there is no such place, or it is MAAS that tells where the machine is.
        """
        with self._store.write() as transaction:
            machine = named(transaction, machine_name)
            refuse_impossible(transaction, machine, place)
            transaction.places.put(machine, place)
            self._audit(transaction, caller, "place", machine, detail=str(place) or "nowhere")
            return named(transaction, machine.id)

    def note(self, machine_name: str, notes: str, caller: Caller) -> Machine:
        """Keep what people have to tell of a machine, instead of what they told before; empty: nothing.

        Raises:
            Invalid: it is too long.
        """
        kept = notes.replace("\r\n", "\n").strip()
        if len(kept) > NOTES_CHARS:
            raise Invalid(f"the notes have {len(kept):,} characters", f"at most {NOTES_CHARS:,} are kept")
        with self._store.write() as transaction:
            machine = self._meant(transaction, machine_name, caller, "notes")
            transaction.machines.set_notes(machine, kept)
            self._audit(transaction, caller, "notes", machine, detail=kept.partition("\n")[0][:_NOTED_CHARS])
            return named(transaction, machine.id)

    def set_firmware(
        self, machine_name: str, boot_mode: BootMode, boot_from: BootFrom, caller: Caller, *, secure_boot: bool
    ) -> Machine:
        """Note how a machine boots now; its next boot goes by it.

        Raises:
            Conflict: a deployment has begun to boot it from somewhere else.
            Invalid: its BMCs cannot have virtual media, or MAAS boots it.
        """
        with self._store.write() as transaction:
            machine = named(transaction, machine_name)
            _refuse_of_maas(machine)
            if boot_from is not machine.boot_from:
                _refuse_no_media(machine, boot_from)
                _refuse_deploying(machine, transaction.operations.unfinished_of(machine.id))
            transaction.machines.set_firmware(machine, boot_mode, boot_from, secure_boot=secure_boot)
            detail = f"{boot_mode}, Secure Boot {'on' if secure_boot else 'off'}, ramdisk from {boot_from}"
            self._audit(transaction, caller, "firmware", machine, detail=detail)
            return named(transaction, machine.id)

    def set_nics(self, machine_name: str, nics: tuple[Nic, ...], caller: Caller) -> Machine:
        """Note which NICs a machine has, and which of them form bonds.

        Raises:
            Conflict: an instance has it, something is under way on it, or another machine has one of the MACs.
            Invalid: MAAS has its NICs.
        """
        with self._store.write() as transaction:
            transaction.one_at_a_time("reservation")
            machine = named(transaction, machine_name)
            _refuse_of_maas(machine)
            if machine.instance_id is not None:
                raise Conflict(
                    f"machine '{machine.name}' belongs to instance {machine.instance_id}, which uses its NICs",
                    "release it first",
                )
            _refuse_busy(transaction, machine)
            transaction.machines.set_nics(machine, nics)
            self._audit(transaction, caller, "NICs", machine, detail=", ".join(nic.mac for nic in nics))
            return named(transaction, machine.id)

    def set_bmcs(self, machine_name: str, first: BmcLogin, second: BmcLogin | None, caller: Caller) -> Machine:
        """Note where a machine's BMCs are and how to log in to them; what was read before is worth nothing any more.

        Raises:
            Conflict: another machine has one of them.
            Invalid: MAAS has its BMC.
        """
        with self._store.write() as transaction:
            transaction.one_at_a_time("BMCs")
            machine = named(transaction, machine_name)
            _refuse_of_maas(machine)
            transaction.machines.set_bmcs(machine, self._sealed(first), self._sealed(second) if second else None)
            transaction.consoles.forget(machine.id)
            detail = " then ".join(bmc.address for bmc in (first, second) if bmc)
            self._audit(transaction, caller, "BMC", machine, detail=detail)
            return named(transaction, machine.id)

    def _sealed(self, login: BmcLogin) -> Bmc:
        sealed = self._vault.seal(login.password.encode())
        return Bmc(login.address, login.user, sealed, login.cipher_suites, login.trust, login.privilege)

    def remove(self, machine_name: str, caller: Caller) -> None:
        """Forget a machine.

        Raises:
            Conflict: an instance has it, or an operation is under way on it.
        """
        with self._store.write() as transaction:
            machine = self._meant(transaction, machine_name, caller)
            refuse(Order.REMOVE, machine)
            _refuse_busy(transaction, machine)
            transaction.machines.remove(machine)
            self._audit(transaction, caller, "remove", machine)


def _refuse_no_media(machine: Machine, boot_from: BootFrom) -> None:
    """Whether the BMC really has a virtual CD is found out by `bmprov machine check`."""
    addresses = [bmc.address for bmc in (machine.bmc, machine.second_bmc) if bmc]
    if boot_from is BootFrom.VIRTUAL_MEDIA and all(address.startswith("ipmi:") for address in addresses):
        raise Invalid(
            f"machine '{machine.name}' cannot boot from virtual media: IPMI has none",
            "give it its Redfish address, as its only or its second BMC",
        )


def _refuse_of_maas(machine: Machine) -> None:
    if machine.back_end is BackEnd.MAAS:
        raise Invalid(
            f"machine '{machine.name}' is a MAAS's, which has its BMC and NICs and boots it",
            "change it there, in MAAS",
        )


def _refuse_busy(transaction: Transaction, machine: Machine) -> None:
    if transaction.operations.unfinished_of(machine.id) is not None:
        raise Conflict(f"an operation is under way on machine '{machine.name}'", "wait for it, or cancel it")


def _refuse_deploying(machine: Machine, operation: Operation | None) -> None:
    if operation is not None and operation.kind is Kind.DEPLOY:
        raise Conflict(f"machine '{machine.name}' is being deployed", "wait for it, or cancel it")
