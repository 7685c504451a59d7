"""CloudStack's actions. Each may come twice, from another management server, or long after CloudStack gave up on it.

Answers and rules: the extension contract of CloudStack 4.21 (`ExternalPathPayloadProvisioner`).
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bmprov.actions import action_named, refuse
from bmprov.adoption import adopt
from bmprov.allocation import Need
from bmprov.console import Admission
from bmprov.errors import Conflict, Invalid, NotFound
from bmprov.lifecycle import Kind, State
from bmprov.model import BackEnd, Image, Instance, Machine, Operation
from bmprov.orders.consoles import ConsoleOrder, order_console
from bmprov.orders.desk import Answer, Caller
from bmprov.orders.fitness import unconnected, unfit
from bmprov.orders.maas import MaasOrders, regions_for
from bmprov.payload import (
    InstanceRef,
    InstanceRequest,
    parse_custom,
    parse_host,
    parse_ref,
    parse_request,
    parse_user,
    prepare_answer,
)
from bmprov.power import PowerAction
from bmprov.store import Transaction
from bmprov.store.instances import PowerFacts
from bmprov.store.reservations import Claimant, reserve
from bmprov.truth import CLOUDSTACK_WORDS, Told, power_of

_NAME_CHARS = 64


class CloudStackOrders(MaasOrders):
    """The actions of the extension. A payload is what CloudStack wrote, without the extension's own settings."""

    def prepare(self, payload: Mapping[str, Any], caller: Caller) -> Operation | Answer:
        """Reserve a machine and tell CloudStack its NICs' MACs, except where CloudStack's own are imposed on them.

        A machine of MAAS's has to be asked for there first.

        Raises:
            Invalid: the payload, or the image that it names, is wrong or cannot run on the machine that is meant.
            NoCapacity: no machine fits, or none of them takes the image.
        """
        request = self._read(payload, caller)
        with self._store.write() as transaction:
            _, machine = self._reserve(transaction, request, payload, caller)
            if machine.back_end is BackEnd.MAAS and machine.state is State.RESERVED:
                return self._begin(transaction, caller, Kind.RESERVE, machine)
            macs = {nic_uuid: carrier.mac for nic_uuid, carrier in adopt(request.nics, machine.nics).items()}
        return prepare_answer(request, macs, {"External:bmprov.machine": machine.name})

    def create(self, payload: Mapping[str, Any], caller: Caller) -> Operation | Answer:
        """Deploy the instance on the machine that `prepare` reserved, or on one reserved now."""
        request = self._read(payload, caller)
        with self._store.write() as transaction:
            instance, machine = self._reserve(transaction, request, payload, caller)
            if machine.state is State.ACTIVE:
                return _success(f"{instance.name} is deployed on {machine.name} already")
            if instance.image_id is None and machine.back_end is not BackEnd.MAAS:
                raise Invalid("the instance names no image", "set the detail `image` on its template or its offering")
            return self._begin(transaction, caller, Kind.DEPLOY, machine)

    def start(self, payload: Mapping[str, Any], caller: Caller) -> Operation | Answer:
        """Switch the instance's machine on; its networks may have other VLANs than when it was stopped.

        Raises:
            Invalid: the machine's switch ports cannot carry its networks.
        """
        with self._store.write() as transaction:
            machine = self._active_machine(transaction, parse_ref(payload), caller)
            self._renew_networks(transaction, payload, machine)
            return self._begin(transaction, caller, Kind.POWER, machine, PowerAction.ON)

    def reboot(self, payload: Mapping[str, Any], caller: Caller) -> Operation | Answer:
        """Shut the instance's machine down and start it again."""
        with self._store.write() as transaction:
            machine = self._active_machine(transaction, parse_ref(payload), caller)
            return self._begin(transaction, caller, Kind.POWER, machine, PowerAction.CYCLE)

    def stop(self, payload: Mapping[str, Any], caller: Caller) -> Operation | Answer:
        """Shut the instance's machine down; CloudStack also sends it to clean up after a `create` that failed."""
        ref = parse_ref(payload)
        machine = self._machine_of(ref, caller)
        if machine is None:
            return _success(f"there is no instance {ref.instance_id} here, so there was nothing to stop")
        if machine.state is State.RESERVED:
            return _success(f"{machine.name} is only reserved for this instance, so there was nothing to stop")
        action = PowerAction.SOFT_OFF if machine.state is State.ACTIVE else PowerAction.OFF
        self._interrupt(machine.id, caller, Kind.POWER, action)
        with self._store.write() as transaction:
            machine = transaction.machines.get(machine.id) or machine
            return self._begin(transaction, caller, Kind.POWER, machine, action)

    def delete(self, payload: Mapping[str, Any], caller: Caller) -> Operation | Answer:
        """Give the instance's machine back."""
        ref = parse_ref(payload)
        machine = self._machine_of(ref, caller)
        if machine is None:
            return _success(f"there is no instance {ref.instance_id} here, so there was nothing to delete")
        self._interrupt(machine.id, caller, Kind.RELEASE)
        with self._store.write() as transaction:
            machine = transaction.machines.get(machine.id) or machine
            return self._begin(transaction, caller, Kind.RELEASE, machine)

    def custom(self, payload: Mapping[str, Any], caller: Caller) -> Operation:
        """Carry out a custom action on an instance's machine.

        Raises:
            Invalid: there is no such action, or a parameter makes no sense.
            Refused: the caller's role in CloudStack may not.
            Conflict: the machine is not active, or something else is under way on it.
        """
        request = parse_custom(payload)
        action = action_named(request.action)
        parameters = action.checked(request.parameters)
        refuse(action, parse_user(payload).role_type, self._user_actions)
        with self._store.write() as transaction:
            machine = self._active_machine(transaction, parse_ref(payload), caller, in_error=action.in_error)
            return self._command(transaction, caller, machine, action, parameters)

    def console(self, payload: Mapping[str, Any], caller: Caller) -> ConsoleOrder:
        """A place at the console of an instance's machine (CloudStack 4.22, `getconsole`). It ends with the instance.

        Raises:
            Conflict: the machine is not active, or its BMC has no console.
        """
        user = parse_user(payload).name[:_NAME_CHARS]
        with self._store.read() as transaction:
            ref = parse_ref(payload)
            machine = self._active_machine(transaction, ref, caller)
            admission = Admission(machine.id, f"{user} in {caller.cloud}" if user else caller.cloud, ref.instance_id)
            return order_console(machine, transaction.consoles.of(machine.id), admission)

    def status(self, payload: Mapping[str, Any], caller: Caller) -> Answer:
        """The power of one instance, from the store alone."""
        told = self.told(parse_ref(payload).instance_id, caller)
        return {"status": "success", "power_state": CLOUDSTACK_WORDS[told.power]}

    def statuses(self, payload: Mapping[str, Any], caller: Caller) -> Answer:
        """The power of every instance of the CloudStack host that asks, by internal name.

        Of that host alone: CloudStack takes an instance in the answer as being on the host that it asked for.
        """
        with self._store.read() as transaction:
            facts = transaction.instances.power_facts_of_host(caller.cloud, parse_host(payload))
            now = transaction.now
        told = {one.name: self._told(one, now) for one in facts}
        return {"status": "success", "power_state": {name: CLOUDSTACK_WORDS[one.power] for name, one in told.items()}}

    def told(self, instance_id: str, caller: Caller) -> Told:
        """The power of one instance as CloudStack is told it, and why.

        Raises:
            NotFound: there is no such instance, or it is another cloud's.
        """
        with self._store.read() as transaction:
            facts = transaction.instances.power_facts(instance_id, caller.scope)
            now = transaction.now
        if facts is None:
            raise _no_instance(instance_id)
        return self._told(facts, now)

    def _told(self, facts: PowerFacts, now: float) -> Told:
        return power_of(facts.reading, facts.running, now, self._freshness_s, deployed=facts.deployed)

    def _read(self, payload: Mapping[str, Any], caller: Caller) -> InstanceRequest:
        """The instance that is asked for; the MAAS region in its details is known afterwards."""
        request = parse_request(payload)
        if request.choice.maas is not None:
            self._meet(request.choice.maas, caller)
        return request

    def _reserve(
        self, transaction: Transaction, request: InstanceRequest, payload: Mapping[str, Any], caller: Caller
    ) -> tuple[Instance, Machine]:
        image = _image(transaction, request)
        known = transaction.instances.get(request.instance_id)
        claimant = Claimant(
            id=request.instance_id,
            name=request.name,
            cloud=caller.cloud,
            host=request.host,
            macs=tuple(nic.mac for nic in request.nics if nic.mac),
            sealed_payload=self._sealed_payload(payload),
            image_id=image.id if image else None,
        )
        need = replace(need_of(request), regions=regions_for(transaction, request.choice, caller))
        hindrances = partial(self._hindrances, transaction, request, image)
        instance, machine = reserve(transaction, claimant, need, self._reservation_s, hindrances)
        if known is None:
            self._audit(transaction, caller, "reserve", machine)
        return transaction.instances.get(instance.id) or instance, machine

    def _renew_networks(self, transaction: Transaction, payload: Mapping[str, Any], machine: Machine) -> None:
        """Keep the instance's NICs as CloudStack has them now, where bmprov sets the ports that they are on.

        CloudStack frees the VLAN of an isolated network whose instances are all stopped, and issues another one later.
        """
        view, instance = transaction.ports.view(machine), transaction.instances.get(machine.instance_id or "")
        if not view.managed or instance is None:
            return
        request = parse_request(payload)
        if reasons := unconnected(machine, view, request, self._vlan_map):
            raise Invalid(f"machine '{machine.name}' cannot be put onto its networks", "; ".join(reasons))
        transaction.instances.change(instance.id, sealed_payload=self._sealed_payload(payload))

    def _sealed_payload(self, payload: Mapping[str, Any]) -> bytes:
        return self._vault.seal(json.dumps(payload, separators=(",", ":")).encode())

    def _hindrances(
        self, transaction: Transaction, request: InstanceRequest, image: Image | None, machine: Machine
    ) -> tuple[str, ...]:
        view = transaction.ports.view(machine)
        no_network = unconnected(machine, view, request, self._vlan_map)
        imposes = any(nic.impose for nic in request.nics)
        return (*unfit(image, machine, series=request.choice.series, imposes=imposes), *no_network)

    def _machine_of(self, ref: InstanceRef, caller: Caller) -> Machine | None:
        with self._store.read() as transaction:
            instance = transaction.instances.get(ref.instance_id, caller.scope)
            return transaction.machines.get(instance.machine_id) if instance else None

    @staticmethod
    def _active_machine(
        transaction: Transaction, ref: InstanceRef, caller: Caller, *, in_error: bool = False
    ) -> Machine:
        instance = transaction.instances.get(ref.instance_id, caller.scope)
        machine = transaction.machines.get(instance.machine_id) if instance else None
        if machine is None:
            raise _no_instance(ref.instance_id)
        if machine.state is not State.ACTIVE and not (in_error and machine.state is State.ERROR):
            raise Conflict(
                f"machine '{machine.name}' of this instance is {machine.state} and not active", machine.fault
            )
        return machine


def for_account(payload: Mapping[str, Any], caller: Caller) -> Caller:
    """The caller, with the account that asked CloudStack, which an operation will show. Nothing is refused for it."""
    try:
        return replace(caller, asked_by=str(parse_user(payload))[:_NAME_CHARS])
    except Invalid:
        return caller


def need_of(request: InstanceRequest) -> Need:
    """What the instance asks of a machine: its offering, raised by the minima in its details."""
    choice = request.choice
    return Need(
        cpus=max(request.cpus or 0, choice.min_cpus or 0),
        memory_mib=max(request.memory_mib or 0, choice.min_memory_mib or 0),
        disk_gib=choice.min_disk_gib or 0,
        nics=len(request.nics),
        arch=request.arch,
        boot_mode=request.boot_mode,
        tags=choice.tags,
        nic_tags=tuple(filter(None, choice.nics.tags)),
        zone=choice.zone or "",
        pod=choice.pod or "",
        rack=choice.rack or "",
        machine=choice.machine or "",
        not_tags=choice.not_tags,
        system_id=choice.system_id or "",
        back_end=choice.back_end,
    )


def _image(transaction: Transaction, request: InstanceRequest) -> Image | None:
    """The catalogue's image; MAAS has its own."""
    name, by_maas = request.choice.image, request.choice.back_end is BackEnd.MAAS
    if name and by_maas and not request.choice.series:
        raise Invalid(f"image '{name}' is not for a machine of MAAS", "name MAAS's own with the detail `distro_series`")
    if not name or by_maas:
        return None
    image = transaction.images.named(name)
    if image is None:
        known = ", ".join(one.name for one in transaction.images.all()[:10]) or "none"
        raise Invalid(f"there is no image '{name}' in the catalogue", f"the catalogue has: {known}")
    return image


def _success(message: str) -> Answer:
    return {"status": "success", "message": message}


def _no_instance(instance_id: str) -> NotFound:
    return NotFound(f"there is no instance {instance_id} here", "it was never created, or it was deleted")
