"""Whether a booting machine may ask: its token must be of an operation that is under way, and come from its address."""

from dataclasses import dataclass

from bmprov.model import Image, Instance, Machine, Operation
from bmprov.store import Store
from bmprov.vault import Vault


class Denied(Exception):
    """The machine may not ask. `why` goes to the log; the machine learns the status and nothing else."""

    def __init__(self, status: int, why: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Admitted:
    """What a token opens: one operation, its machine, and what is to be put on it."""

    operation: Operation
    machine: Machine
    instance: Instance | None
    image: Image | None
    token: str

    def booting(self) -> "Admitted":
        """The same, provided that the machine is to network-boot now.

        Raises:
            Denied: the image is on the disk already, which the machine should have booted.
        """
        if not self.operation.netboot:
            raise Denied(410, f"machine {self.machine.name} is not to boot from the network any more")
        return self


@dataclass(frozen=True)
class Admission:
    """Checks tokens against the store."""

    store: Store
    vault: Vault

    def admit(self, token: str, origin: str | None) -> Admitted:
        """What `token` opens to a caller from the address `origin`; None is the machine's BMC, wherever that is.

        Raises:
            Denied: 403 for a token that is not ours or comes from elsewhere, 410 when its operation has ended.
        """
        operation_id = self.vault.operation_of(token)
        if operation_id is None:
            raise Denied(403, "the token is not ours")
        with self.store.read() as transaction:
            operation = transaction.operations.get(operation_id)
            machine = transaction.machines.get(operation.machine_id) if operation else None
            if operation is None or machine is None or operation.finished:
                raise Denied(410, "the token's operation has ended")
            if origin is not None and operation.boot_ip != origin:
                good = f"good from {operation.boot_ip} alone" if operation.boot_ip else "good when DHCP was asked first"
                raise Denied(403, f"the token of machine {machine.name} is {good}")
            instance = transaction.instances.get(machine.instance_id) if machine.instance_id else None
            image = transaction.images.named(instance.image_id) if instance and instance.image_id else None
        return Admitted(operation, machine, instance, image, token)
