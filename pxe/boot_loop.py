"""When a machine that boots from the network again and again has done so too often for one operation."""

LIMIT = 5
"""A step that is tried again power-cycles the machine, so that more than one boot is normal."""


def too_many(booted: int) -> str:
    """Why the operation ends, in words for its error."""
    return f"the machine began {booted} network boots and finished none: look at its console and its boot order"
