"""What a runner of a test is given that runs no flow which looks at what the instance asked for."""

from bmprov.model import Operation
from bmprov.payload import InstanceRequest


def no_request(operation: Operation) -> InstanceRequest:
    raise AssertionError(f"{operation.kind} asks what its instance wanted")
