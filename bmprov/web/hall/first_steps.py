"""What a new service still lacks before CloudStack can have a machine of it: a machine, an image, and CloudStack."""

from dataclasses import dataclass

from bmprov.store import Transaction


@dataclass(frozen=True)
class FirstSteps:
    """Which of the first steps are done. `called` says that CloudStack has asked for a machine."""

    machines: bool
    images: bool
    called: bool

    @property
    def left(self) -> list[str]:
        """What is to be done, in words."""
        steps = {"enrol a machine": self.machines, "add an image": self.images, "register it there": self.called}
        return [words for words, done in steps.items() if not done]

    @property
    def all_done(self) -> bool:
        """Whether nothing is left."""
        return self.machines and self.images and self.called


def first_steps(transaction: Transaction, *, machines: bool) -> FirstSteps:
    """Which are done. `machines` says whether any is enrolled."""
    return FirstSteps(machines, bool(transaction.images.all()), transaction.operations.any_for_cloudstack())
