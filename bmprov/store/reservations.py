"""Reserving a machine for an instance: one transaction, one machine, the same answer to the same question.

A reservation that no `create` follows runs out; nothing in CloudStack tells us that the instance was given up.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bmprov.allocation import Need, lacks, no_capacity
from bmprov.errors import Conflict, Invalid, NoCapacity
from bmprov.lifecycle import Event, Kind, State
from bmprov.model import BackEnd, Instance, Machine
from bmprov.store.store import Transaction


@dataclass(frozen=True)
class Claimant:
    """The instance that wants a machine. `macs` are those that CloudStack issued for its NICs."""

    id: str
    name: str
    cloud: str
    host: str
    macs: tuple[str, ...]
    sealed_payload: bytes
    image_id: str | None


Unfit = Callable[[Machine], tuple[str, ...]]
"""Why the claimant cannot have a machine, for its image or its networks, in words; empty when it can."""


def reserve(
    transaction: Transaction, claimant: Claimant, need: Need, reservation_s: float, unfit: Unfit = lambda _: ()
) -> tuple[Instance, Machine]:
    """The machine that `claimant` has already, else the best that is free.

    Raises:
        NoCapacity: none fits; the text says what was asked for and what the nearest lacks.
        Invalid: the instance cannot run on the machine that it has, or must get.
        Conflict: the instance belongs to another cloud, or its machine is being released or in maintenance.
    """
    transaction.one_at_a_time("reservation")
    known = transaction.instances.get(claimant.id)
    if known is not None:
        return _again(transaction, known, claimant, reservation_s, unfit)
    machine = _choose(transaction, claimant, need, unfit)
    transaction.machines.apply(
        machine, Event.RESERVE, instance_id=claimant.id, reserved_until=transaction.now + reservation_s
    )
    instance = Instance(
        id=claimant.id,
        name=claimant.name,
        cloud=claimant.cloud,
        host=claimant.host,
        machine_id=machine.id,
        sealed_payload=claimant.sealed_payload,
        image_id=claimant.image_id,
    )
    transaction.instances.add(instance)
    return instance, transaction.machines.get(machine.id) or machine


def expire(transaction: Transaction) -> list[Machine]:
    """Take back the machines whose reservations have run out. One that MAAS has allocated is released there too."""
    expired = [one for one in transaction.machines.expired() if transaction.operations.unfinished_of(one.id) is None]
    for machine in expired:
        if machine.back_end is BackEnd.MAAS:
            instance = transaction.instances.get(machine.instance_id or "")
            transaction.operations.begin(Kind.RELEASE, machine, "bmprov", instance=instance)
        else:
            transaction.instances.forget(machine)
            transaction.machines.apply(machine, Event.EXPIRE)
        transaction.events.add(
            "reservation expired", actor="bmprov", machine=machine.name, instance_id=machine.instance_id
        )
    return expired


def _again(
    transaction: Transaction, known: Instance, claimant: Claimant, reservation_s: float, unfit: Unfit
) -> tuple[Instance, Machine]:
    machine = transaction.machines.get(known.machine_id)
    if known.cloud != claimant.cloud or machine is None:
        raise Conflict(f"instance {claimant.id} belongs to another cloud", "look at which token this CloudStack uses")
    if machine.state in (State.RELEASING, State.CLEANING):
        raise Conflict(f"machine '{machine.name}' of this instance is being released", "ask again", retry_after_s=1.0)
    if machine.state in (State.RESERVED, State.ERROR):  # what is on the disk already, or on its way, is not held up
        if machine.maintenance:
            raise Conflict(
                f"machine '{machine.name}' of this instance is in maintenance ({machine.maintenance})",
                "end its maintenance, or delete the instance and deploy another one",
            )
        _takes(machine, unfit)
    transaction.instances.change(
        known.id,
        name=claimant.name,
        host=claimant.host,
        sealed_payload=claimant.sealed_payload,
        image_id=claimant.image_id,
    )
    if machine.state is State.RESERVED:
        transaction.machines.prolong(machine, transaction.now + reservation_s)
    return known, machine


def _choose(transaction: Transaction, claimant: Claimant, need: Need, unfit: Unfit) -> Machine:
    owners = {machine.id: machine for mac in claimant.macs if (machine := transaction.machines.with_mac(mac))}
    if len(owners) > 1:
        names = ", ".join(sorted(machine.name for machine in owners.values()))
        raise Invalid("the instance's MACs belong to several machines of ours", names)
    if owners:
        return _takes(_meant(next(iter(owners.values()))), unfit)
    nearest = None
    for machine in transaction.machines.free(need):
        if lacks(machine, need):
            continue
        if not unfit(machine):
            return machine
        nearest = nearest or machine
    if nearest is None:
        raise no_capacity(need, transaction.machines.free(Need()))
    reasons = "; ".join(unfit(nearest))
    raise NoCapacity(f"no free machine for {need} takes the instance", f"the nearest, {nearest.name}: {reasons}")


def _takes(machine: Machine, unfit: Unfit) -> Machine:
    if reasons := unfit(machine):
        raise Invalid(f"the instance cannot be deployed on machine '{machine.name}'", "; ".join(reasons))
    return machine


def _meant(machine: Machine) -> Machine:
    """The machine whose MAC CloudStack issued: that one or none."""
    if machine.state is not State.AVAILABLE or machine.maintenance:
        stands = f"in maintenance ({machine.maintenance})" if machine.maintenance else machine.state
        raise NoCapacity(f"the instance's MAC belongs to machine '{machine.name}', which is {stands}", "free it first")
    return machine
