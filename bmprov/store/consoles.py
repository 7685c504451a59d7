"""What is known of machines' consoles: which kind their BMCs offer, and the SSH host keys that were shown."""

from sqlalchemy import Connection, delete, insert, select, update

from bmprov.hardware import Console, ConsoleKind
from bmprov.store import schema

_C = schema.consoles.c


class Consoles:
    """The consoles of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, machine_id: str) -> Console | None:
        """The console of a machine; None when its BMC was never asked."""
        row = self._connection.execute(select(_C.kind, _C.address, _C.enter).where(_C.machine_id == machine_id)).first()
        return None if row is None else Console(ConsoleKind(row.kind), row.address, row.enter)

    def keep(self, machine_id: str, console: Console) -> None:
        """Keep what a BMC tells of its console; the host key is that of the same address only."""
        values = {"kind": console.kind, "address": console.address, "enter": console.enter}
        host_key = self.host_key(machine_id) if self.of(machine_id) == console else ""
        self.forget(machine_id)
        self._connection.execute(insert(schema.consoles), values | {"machine_id": machine_id, "host_key": host_key})

    def host_key(self, machine_id: str) -> str:
        """The fingerprint of the host key that its SSH has shown; empty when it has shown none."""
        return self._connection.execute(select(_C.host_key).where(_C.machine_id == machine_id)).scalar() or ""

    def pin(self, machine_id: str, host_key: str) -> None:
        """Believe this host key from now on."""
        self._connection.execute(update(schema.consoles).where(_C.machine_id == machine_id).values(host_key=host_key))

    def forget(self, machine_id: str) -> None:
        """The BMC is another one now."""
        self._connection.execute(delete(schema.consoles).where(_C.machine_id == machine_id))
