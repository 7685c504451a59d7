"""The orders about MAAS regions: add, change, remove. Their machines come by themselves, as `watch` lists them."""

import uuid
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bmprov.errors import Invalid, NotFound
from bmprov.maas_login import region_key, region_names, region_url
from bmprov.model import Erase, Region
from bmprov.orders.desk import Caller, OrderDesk, note
from bmprov.store import Transaction


@dataclass(frozen=True)
class NewRegion:
    """A region to add; one without a name gets its host's. The other fields are those of `Region`."""

    url: str
    key: str = field(repr=False)
    name: str = ""
    trust: str = ""
    site: str = "default"
    zone: str = ""
    cloud: str = ""
    erase: Erase = Erase.NONE
    create_networks: bool = False


@dataclass(frozen=True)
class RegionChange:
    """What is to change about a region; None stays as it is. Its name stays, by which its machines belong to it."""

    url: str | None = None
    key: str | None = field(default=None, repr=False)
    trust: str | None = None
    site: str | None = None
    zone: str | None = None
    cloud: str | None = None
    erase: Erase | None = None
    create_networks: bool | None = None


class RegionOrders(OrderDesk):
    """Orders about regions."""

    def add_region(self, new: NewRegion, caller: Caller) -> Region:
        """Enter a region.

        Raises:
            Conflict: its name or its URL is known already.
            Invalid: its URL or its key is not one of MAAS's.
        """
        with self._store.write() as transaction:
            return self._add_region(transaction, new, caller)

    def change_region(self, name: str, change: RegionChange, caller: Caller) -> Region:
        """Change a region; what is not told stays.

        Raises:
            Conflict: another region has that URL.
            Invalid: the new URL or the new key is not one of MAAS's.
        """
        told = {key: value for key, value in asdict(change).items() if value is not None}
        columns = self._columns(told)
        with self._store.write() as transaction:
            region = region_named(transaction, name)
            _refuse_idle_trust(replace(region, **columns))
            if columns:
                transaction.regions.change(region.id, **columns)
                detail = f"{region.name}: {', '.join(_shown(key, columns) for key in told)}"
                note(transaction, caller, "MAAS region changed", detail)
            return region_named(transaction, region.id)

    def remove_region(self, name: str, caller: Caller) -> None:
        """Forget a region with its machines; MAAS keeps them as they are.

        Raises:
            Conflict: an instance has one of them, or something is under way on one.
        """
        with self._store.write() as transaction:
            region = region_named(transaction, name)
            count = transaction.regions.remove(region)
            note(transaction, caller, "MAAS region removed", f"{region.name} at {region.url}, machines: {count}")

    def _add_region(
        self, transaction: Transaction, new: NewRegion, caller: Caller, *, from_details: bool = False
    ) -> Region:
        """The same inside a transaction that does more."""
        columns = self._columns(asdict(new))
        columns["name"] = new.name or _free_name(transaction, columns["url"])
        region = Region(id=str(uuid.uuid4()), from_details=from_details, **columns)
        _refuse_idle_trust(region)
        transaction.regions.add(region)
        note(transaction, caller, "MAAS region added", f"{region.name} at {region.url}")
        return region_named(transaction, region.id)

    def _columns(self, told: dict[str, Any]) -> dict[str, Any]:
        """The columns of `regions` for what was told: one spelling of the URL, the key sealed."""
        columns = {name: value for name, value in told.items() if name != "key"}
        if "url" in told:
            columns["url"] = region_url(told["url"])
        if "key" in told:
            columns["sealed_key"] = self._vault.seal(region_key(told["key"]).encode())
        return columns


def region_named(transaction: Transaction, name: str) -> Region:
    """The region with this name or id.

    Raises:
        NotFound: there is none.
    """
    region = transaction.regions.named(name)
    if region is None:
        raise NotFound(f"there is no MAAS region '{name}'", "look with `bmprov maas list`")
    return region


def _free_name(transaction: Transaction, url: str) -> str:
    """The first of the names that no other region has; the last, when all are taken."""
    names = region_names(url)
    return next((name for name in names if transaction.regions.named(name) is None), names[-1])


def _shown(name: str, columns: dict[str, Any]) -> str:
    return f"{name} {columns[name]}" if columns.get(name) not in (None, "") else name


def _refuse_idle_trust(region: Region) -> None:
    if region.trust and region.url.startswith("http:"):
        raise Invalid(
            f"MAAS region '{region.name}' is called without TLS, so no certificate is looked at",
            "give it a URL with https://, or no certificate to trust",
        )
