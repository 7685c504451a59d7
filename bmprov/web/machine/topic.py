"""What a machine's page shows, live."""

from collections.abc import Mapping

from markupsafe import Markup

from bmprov.orders.desk import named
from bmprov.services import Services
from bmprov.store import Transaction
from bmprov.web.machine.view import MachineShown, buttons, console_words, hardware, power_shown
from bmprov.web.render import part

NAME = "machine"
_PARTS = ("head", "power", "hardware", "network", "access", "instance", "notes", "operations", "events")
_SHOWN_OPERATIONS = 10
_SHOWN_EVENTS = 10


class MachineTopic:
    """One machine, by its id."""

    every_s: float | None = 5.0
    """A reading becomes old, and bytes written stand in Redis."""

    def __init__(self, services: Services, machine_id: str) -> None:
        self._services = services
        self._machine_id = machine_id

    def look(self, transaction: Transaction) -> Mapping[str, Markup]:
        """The page's regions.

        Raises:
            NotFound: the machine was removed.
        """
        shown = self._shown(transaction)
        return {f"machine-{one}": part("machine_parts.html", one, shown) for one in _PARTS}

    def _shown(self, transaction: Transaction) -> MachineShown:
        machine = named(transaction, self._machine_id)
        running = transaction.operations.unfinished_of(machine.id)
        connections = self._services.orders.connections_of(transaction, machine)
        instance = transaction.instances.get(machine.instance_id) if machine.instance_id else None
        return MachineShown(
            machine=machine,
            power=power_shown(machine, transaction.now),
            running=running,
            progress=self._services.progress(running) if running else None,
            buttons=buttons(machine, running, has_switches=connections.managed),
            hardware=hardware(transaction.history.newest_inventory(machine.id)),
            connections=connections,
            console=console_words(transaction.consoles.of(machine.id)),
            instance=instance,
            image=transaction.images.named(instance.image_id) if instance and instance.image_id else None,
            operations=transaction.operations.all(_SHOWN_OPERATIONS + 1, machine.id),
            events=transaction.events.newest(_SHOWN_EVENTS, machine=machine.name),
        )
