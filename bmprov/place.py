"""Where a machine stands: zone, pod and rack by name, and which rack units it fills (EIA-310: unit 1 is the lowest)."""

from dataclasses import dataclass

from bmprov.errors import Invalid

UNITS = 60
"""The highest unit of the highest racks."""


@dataclass(frozen=True)
class Place:
    """A machine's place. It fills `height_u` units from `position` upwards; None when nobody has told which."""

    zone: str = ""
    pod: str = ""
    rack: str = ""
    position: int | None = None
    height_u: int = 1

    @property
    def units(self) -> range:
        """The units that it fills, lowest first; empty when they are not known."""
        return range(0) if self.position is None else range(self.position, self.position + self.height_u)

    def __str__(self) -> str:
        names = [name for name in (self.zone, self.pod, self.rack) if name]
        return " / ".join([*names, unit_words(self.position, self.height_u)] if self.units else names)


def unit_words(position: int | None, height_u: int) -> str:
    """`U7`, `U7-U8`, or nothing when it is not known."""
    if position is None:
        return ""
    return f"U{position}" if height_u == 1 else f"U{position}-U{position + height_u - 1}"


def check_units(rack: str, position: int | None, height_u: int) -> None:
    """Whether there can be such a place.

    Raises:
        Invalid: it begins or ends outside any rack, or the rack has no name.
    """
    if position is not None and not rack:
        raise Invalid(f"unit {position} of which rack?", "give the rack's name with the unit")
    if not 1 <= height_u <= UNITS:
        raise Invalid(f"a height of {height_u} units is not possible", f"give 1 to {UNITS}")
    if position is not None and not 1 <= position <= UNITS - height_u + 1:
        raise Invalid(
            f"{height_u} units from unit {position} are not in a rack", f"unit 1 is the lowest, {UNITS} the highest"
        )
