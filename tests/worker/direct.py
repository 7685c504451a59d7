"""What a worker of direct machines is given in place of what only MAAS's flows ask for."""

from typing import NoReturn

from bmprov.model import Operation


def no_request(operation: Operation) -> NoReturn:
    """No step of a direct machine opens the instance's request."""
    raise AssertionError(f"{operation.kind} of a direct machine asks what the instance wants")
