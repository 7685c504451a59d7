"""The page on a real database and a real Valkey."""

from tests.bmprov.api.conftest import add_machine, queue, services, store

__all__ = ["add_machine", "queue", "services", "store"]
