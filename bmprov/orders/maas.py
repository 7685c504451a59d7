"""Which MAAS regions' machines an instance may get, and the regions that come from CloudStack's details."""

from dataclasses import replace

from bmprov.errors import Conflict, NoCapacity
from bmprov.maas_login import region_key, region_url
from bmprov.model import BackEnd, Region
from bmprov.orders.desk import Caller
from bmprov.orders.regions import NewRegion, RegionOrders
from bmprov.payload.choice import Choice
from bmprov.payload.maas import MaasLogin
from bmprov.store import Transaction

_FIRST_LOOK_S = 1.0


class MaasOrders(RegionOrders):
    """What CloudStack's actions need of regions."""

    def _meet(self, login: MaasLogin, caller: Caller) -> None:
        """Enter the region that the details name, or its new key, in a transaction of its own.

        What an operator has entered is not changed by details.

        Raises:
            Conflict: its machines have not been listed yet, or it is another cloud's.
            NoCapacity: its machines could not be listed.
        """
        url, key = region_url(login.url), region_key(login.key)
        with self._store.write() as transaction:
            region = transaction.regions.with_url(url)
            if region is None:
                new = NewRegion(url, key, site=self._site, cloud=caller.cloud)
                region = self._add_region(transaction, new, caller, from_details=True)
            elif region.cloud not in ("", caller.cloud):
                raise Conflict(f"the MAAS region at {url} is another cloud's", "enter it with `bmprov maas add`")
            elif region.from_details and self._vault.open(region.sealed_key) != key.encode():
                transaction.regions.change(region.id, sealed_key=self._vault.seal(key.encode()), error="")
                self._note_region(transaction, caller, region)
                region = replace(region, error="")
        if region.read_at is None and region.error:
            raise NoCapacity(f"MAAS region '{region.name}' does not tell of its machines", region.error)
        if region.read_at is None:
            raise Conflict(
                f"the machines of MAAS region '{region.name}' have not been listed yet",
                "`bmprov watch` does that; ask again in a moment",
                retry_after_s=_FIRST_LOOK_S,
            )

    @staticmethod
    def _note_region(transaction: Transaction, caller: Caller, region: Region) -> None:
        transaction.events.add(
            "MAAS region changed", actor=caller.name, origin=caller.origin, detail=f"{region.name}: key"
        )


def regions_for(transaction: Transaction, choice: Choice, caller: Caller) -> tuple[str, ...]:
    """The names of the regions whose machines may be taken.

    The one in the details; else, when MAAS's machines, one of its images, a zone or one machine are asked for, all that
    the caller's cloud may use; else none: nobody gets a MAAS machine who has not asked for it.
    """
    usable = [region for region in transaction.regions.all() if region.cloud in ("", caller.cloud)]
    if choice.maas is not None:
        url = region_url(choice.maas.url)
        return tuple(region.name for region in usable if region.url == url)
    wishes = (choice.series, choice.zone, choice.machine, choice.system_id)
    asked = choice.back_end is BackEnd.MAAS or any(wishes)
    return tuple(region.name for region in usable) if asked and choice.back_end is not BackEnd.DIRECT else ()
