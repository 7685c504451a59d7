"""What all orders share: who orders, how an operation is begun, and how one that is in the way is cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bmprov.actions import CustomAction
from bmprov.errors import Conflict, NotFound
from bmprov.lifecycle import Kind
from bmprov.model import Machine, Operation, Role
from bmprov.orders.picture import Picture, refuse_outdated
from bmprov.passwords import Passwords
from bmprov.power import PowerAction
from bmprov.store import Store, Transaction
from bmprov.vault import Vault
from bmprov.vlan_map import VlanMap

_RETRY_S = 0.5
_NO_MAP = VlanMap()

Answer = dict[str, Any]
"""The JSON object that the extension prints."""


@dataclass(frozen=True)
class Caller:
    """Who orders: the person's or token's name and role, the cloud of a `cloud` token, where the call came from.

    `asked_by` is the account that asked CloudStack, where it is CloudStack that calls. `saw` is what a person saw of
    the machine whose order this is; it is refused when that has changed. None: whatever it is now is meant.
    """

    name: str
    role: Role
    cloud: str = ""
    origin: str = ""
    asked_by: str = ""
    saw: Picture | None = None

    @property
    def scope(self) -> str | None:
        """The cloud whose instances the caller may see; None for all."""
        return self.cloud if self.role is Role.CLOUD else None


class OrderDesk:
    """Takes orders. `reservation_s` is how long a reservation lasts, `freshness_s` how long a power reading counts.

    `user_actions` are the guarded custom actions that tenants may take too. `site` is that of MAAS regions which
    CloudStack's details bring. `vlan_map` says which VLANs carry networks that are none.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault,
        *,
        reservation_s: float,
        freshness_s: float,
        user_actions: tuple[str, ...] = (),
        site: str = "default",
        vlan_map: VlanMap = _NO_MAP,
    ) -> None:
        self._store = store
        self._vault = vault
        self._reservation_s = reservation_s
        self._freshness_s = freshness_s
        self._user_actions = user_actions
        self._site = site
        self._vlan_map = vlan_map
        self._passwords = Passwords()
        self.people_changes = 0
        """How often this process has changed who may see the page: what is remembered of that is old then."""

    def _people_changed(self) -> None:
        """To be called once the change is committed."""
        self.people_changes += 1

    def cancel(self, operation_id: str, caller: Caller) -> Operation:
        """End an operation between two steps.

        Raises:
            NotFound: there is no such operation, or it is another cloud's.
        """
        with self._store.write() as transaction:
            operation = transaction.operations.lock(operation_id)
            if operation is None or not visible(operation, caller):
                raise NotFound(f"there is no operation {operation_id}", "look with `bmprov operation list`")
            machine = transaction.machines.get(operation.machine_id)
            if machine is None or operation.finished:
                return operation
            self._audit(transaction, caller, "cancel", machine, operation_id=operation.id)
            return transaction.operations.cancel(operation, machine, caller.name)

    def _begin(
        self, transaction: Transaction, caller: Caller, kind: Kind, machine: Machine, action: PowerAction | None = None
    ) -> Operation:
        """Begin an operation; the same one, when it is under way already."""
        running = transaction.operations.unfinished_of(machine.id)
        if running is not None and (running.kind, running.action, running.command) == (kind, action, ""):
            return running
        instance = transaction.instances.get(machine.instance_id) if machine.instance_id else None
        operation = transaction.operations.begin(
            kind, machine, caller.name, asked_by=caller.asked_by, instance=instance, action=action
        )
        self._audit(transaction, caller, f"{kind} {action or ''}".strip(), machine, operation_id=operation.id)
        return operation

    def _command(
        self,
        transaction: Transaction,
        caller: Caller,
        machine: Machine,
        action: CustomAction,
        parameters: Mapping[str, Any],
    ) -> Operation:
        """Begin a custom action.

        Raises:
            Conflict: something else is under way on the machine; it says what.
        """
        running = transaction.operations.unfinished_of(machine.id)
        if running is not None:
            what = running.command or running.action or running.kind
            at = f", in step '{running.step}'" if running.step else ""
            raise Conflict(
                f"'{action.name}' does not go with {what}, which is under way on machine '{machine.name}'{at}",
                f"wait for its end: `bmprov operation show {running.id}`",
            )
        instance = transaction.instances.get(machine.instance_id) if machine.instance_id else None
        kind = Kind.BMC if action.power is None else Kind.POWER
        operation = transaction.operations.begin(
            kind,
            machine,
            caller.name,
            asked_by=caller.asked_by,
            instance=instance,
            action=action.power,
            command=action.name,
            parameters=parameters,
        )
        self._audit(transaction, caller, action.name, machine, operation_id=operation.id)
        return operation

    def _interrupt(self, machine_id: str, caller: Caller, kind: Kind, action: PowerAction | None = None) -> None:
        """Cancel what is in the way of an operation of this kind, in a transaction of its own.

        Raises:
            Conflict: a worker is in the middle of a step. It stops at the step's end, so asking again soon works.
            Outdated: the machine is not any more as the caller saw it.
        """
        with self._store.write() as transaction:
            running = transaction.operations.unfinished_of(machine_id)
            machine = transaction.machines.get(machine_id)
            if machine is not None and caller.saw is not None:
                refuse_outdated(transaction, machine, caller.saw)
            if machine is None or running is None or (running.kind, running.action) == (kind, action):
                return
            locked = transaction.operations.lock(running.id) or running
            ended = transaction.operations.cancel(locked, machine, caller.name)
            self._audit(transaction, caller, "cancel", machine, operation_id=running.id)
        if not ended.finished:
            raise Conflict(
                f"{running.action or running.kind} is being cancelled on machine '{machine.name}'",
                "ask again in a moment",
                retry_after_s=_RETRY_S,
            )

    @staticmethod
    def _meant(transaction: Transaction, name: str, caller: Caller, *matters: str) -> Machine:
        """The machine with this name or id, which an order is about. `matters` is as `refuse_outdated` has it.

        Raises:
            NotFound: there is none.
            Outdated: it is not any more as the caller saw it.
        """
        machine = named(transaction, name)
        if caller.saw is not None:
            refuse_outdated(transaction, machine, caller.saw, *matters)
        return machine

    @staticmethod
    def _audit(transaction: Transaction, caller: Caller, what: str, machine: Machine, **more: str) -> None:
        named = {"machine": machine.name, "instance_id": machine.instance_id or ""}
        transaction.events.add(what, actor=caller.name, origin=caller.origin, **named | more)


def note(transaction: Transaction, caller: Caller, what: str, detail: str) -> None:
    """Write down what the caller has done to something that is no machine."""
    transaction.events.add(what, actor=caller.name, origin=caller.origin, detail=detail)


def visible(operation: Operation, caller: Caller) -> bool:
    """Whether the caller may see an operation: a cloud's token sees those of its own instances."""
    return caller.scope is None or operation.cloud == caller.scope


def named(transaction: Transaction, name: str) -> Machine:
    """The machine with this name or id.

    Raises:
        NotFound: there is none.
    """
    machine = transaction.machines.named(name)
    if machine is None:
        raise NotFound(f"there is no machine '{name}'", "look with `bmprov machine list`")
    return machine
