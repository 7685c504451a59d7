"""Whose MAC an instance's NIC has, and who gives it its address: the details `mac` and `addresses`.

One word is for all NICs; several, with commas, are for each in the order of their device ids.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

from bmprov.errors import Invalid
from bmprov.payload.reading import Reader, nearest

_Mode = TypeVar("_Mode", bound=StrEnum)


class MacMode(StrEnum):
    """CloudStack is told the real MAC, or the system takes the one that CloudStack issued."""

    ADOPT = "adopt"
    IMPOSE = "impose"


class AddressMode(StrEnum):
    """The system is configured with CloudStack's addresses, or asks CloudStack's virtual router for them."""

    STATIC = "static"
    DHCP = "dhcp"


def read_modes(sources: Sequence[Reader], key: str, default: _Mode) -> tuple[_Mode, ...]:
    """The modes that the nearest of these details names; a word that is left out is the default.

    Raises:
        Invalid: a word of it is not a mode.
    """
    known = type(default)
    text = nearest(sources, key)
    words = [word.strip().lower() for word in text.split(",")] if text else []
    for word in words:
        if word not in {"", *known}:
            raise Invalid(
                f"the detail '{key}' says '{word[:40]}'",
                f"it is {' or '.join(known)}, once for all NICs or for each in order, separated by commas",
            )
    return tuple(known(word) if word else default for word in words)


def mode_of_each(told: Sequence[_Mode], key: str, default: _Mode, nics: int) -> list[_Mode]:
    """The mode of each of so many NICs.

    Raises:
        Invalid: there are fewer NICs than are told of.
    """
    if len(told) == 1:
        return list(told) * nics
    if len(told) > nics:
        raise Invalid(f"the detail '{key}' is for {len(told)} NICs, and the instance has {nics}", "leave some out")
    return [*told, *[default] * (nics - len(told))]
