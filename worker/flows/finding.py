"""What a check comes to."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a check comes to. A warning does not keep a machine from being used."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One check with its sentence."""

    check: str
    verdict: Verdict
    finding: str
