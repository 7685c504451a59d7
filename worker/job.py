"""What RQ calls.

RQ finds a job's function by its name, so the runner of this process is handed over in a context variable.
"""

from contextvars import ContextVar

from worker.runner import Runner

RUNNER: ContextVar[Runner] = ContextVar("runner")


def advance(operation_id: str) -> None:
    """Take an operation as far as it goes."""
    RUNNER.get().advance(operation_id)
