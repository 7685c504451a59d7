"""Writes into an operation's timeline what the DHCP server has seen of its machine."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from bmprov.errors import BmprovError
from bmprov.model import NOTE, StepRun
from bmprov.store import Store, Transaction
from pxe.dhcp.policy import Wanted
from pxe.dhcp.slow_port import SlowPort

log = structlog.get_logger()

_POWER_STEP = "power cycle"


@dataclass(frozen=True)
class Notes:
    """The timelines of the operations in a store."""

    store: Store

    def slow_port(self, seen: SlowPort) -> None:
        """The port of the machine took long to forward."""

        def run(transaction: Transaction) -> StepRun:
            steps = transaction.operations.steps_of(seen.wanted.operation_id)
            powered = [step.ended_at for step in steps if step.step == _POWER_STEP and step.outcome == "done"]
            words = _words(seen, transaction.now - powered[-1] if powered else None)
            return StepRun("switch port", 1, transaction.now - seen.lost_s, transaction.now, NOTE, words)

        self._note(seen.wanted.operation_id, run)

    def refused(self, wanted: Wanted, mac: str, why: str) -> None:
        """The machine asked and was not answered; if it never is, its failure says why."""

        def run(transaction: Transaction) -> StepRun:
            transaction.operations.signal(wanted.operation_id, lambda report: replace(report, unanswered=why))
            return StepRun("DHCP", 1, transaction.now, transaction.now, NOTE, f"{mac} was not answered: {why}")

        self._note(wanted.operation_id, run)

    def _note(self, operation_id: str, run: Callable[[Transaction], StepRun]) -> None:
        try:
            with self.store.write() as transaction:
                operation = transaction.operations.get(operation_id)
                if operation is not None and not operation.finished:
                    transaction.operations.record(operation, run(transaction))
        except BmprovError as error:
            log.warning("a note is not kept in the timeline", operation=operation_id, error=str(error))


def _words(seen: SlowPort, powered_s: float | None) -> str:
    when = f", {powered_s:.0f} s after power-on" if powered_s is not None else ""
    return (
        f"the port took {seen.lost_s:.0f} s to forward: {seen.client} had asked DHCP for so long when its first request"
        f" arrived ({seen.mac}{when}); {seen.remedy}"
    )
