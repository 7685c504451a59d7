"""What may have been meant by an address that leads nowhere: machines and images of a similar name."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from bmprov.store import Transaction

_OFFERED = 6
_ALIKE = 0.75


@dataclass(frozen=True)
class Near:
    """A page that may have been meant."""

    name: str
    address: str


def near_to(path: str, transaction: Transaction) -> list[Near]:
    """The pages that a path such as `/machines/rack1-7` may have meant, the likeliest first."""
    kind, _, rest = path.strip("/").partition("/")
    wanted = unquote(rest.partition("/")[0])
    if kind == "machines":
        return [Near(name, f"/machines/{quote(name)}") for name in alike(wanted, transaction.machines.all_names())]
    if kind == "images":
        names = [image.name for image in transaction.images.all()]
        return [Near(name, "/images") for name in alike(wanted, names)]
    return []


def alike(wanted: str, names: Iterable[str]) -> list[str]:
    """The names that are most like the one that is wanted: those that contain it, then those spelled like it."""
    known = {name.casefold(): name for name in names}
    text = wanted.casefold()
    within = sorted(name for name in known if text and text in name)[:_OFFERED]
    spelled = difflib.get_close_matches(text, known, _OFFERED, _ALIKE)
    return [known[name] for name in list(dict.fromkeys([*within, *spelled]))[:_OFFERED]]
