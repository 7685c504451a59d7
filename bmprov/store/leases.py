"""Addresses that DHCP has given out on the provisioning networks."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from bmprov.store import schema

_L, _O = schema.leases.c, schema.operations.c
_DECLINED_S = 3600.0


class Leases:
    """The leases of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def of(self, mac: str, site: str) -> str | None:
        """The address that `mac` has, run out or not."""
        return self._connection.execute(select(_L.ip).where(_L.mac == mac, _L.site == site)).scalar()

    def lasts(self, mac: str, for_s: float) -> bool:
        """Whether the lease of `mac` runs for at least so many seconds more."""
        query = select(_L.ip).where(_L.mac == mac, _L.expires_at > self._now + for_s)
        return self._connection.execute(query).first() is not None

    def taken(self, site: str, operation_id: str = "") -> set[str]:
        """Addresses that may not be given to another machine now; `operation_id` is the operation that asks.

        A ramdisk keeps its loader's address until it is done, however long that takes: an operation's token is bound
        to it, so it is nobody else's while the operation lasts.
        """
        leased = select(_L.ip).where(_L.site == site, _L.expires_at > self._now)
        bound = select(_O.boot_ip).where(_O.site == site, _O.finished_at.is_(None), _O.id != operation_id)
        return {ip for query in (leased, bound) for ip in self._connection.execute(query).scalars() if ip}

    def give(self, mac: str, ip: str, site: str, operation_id: str, lease_s: float) -> None:
        """Write down that `mac` has `ip`."""
        values: dict[str, Any] = {
            "site": site,
            "operation_id": operation_id,
            "expires_at": self._now + lease_s,
            "declined": False,
        }
        if self._connection.execute(update(schema.leases).where(_L.mac == mac, _L.ip == ip).values(**values)).rowcount:
            return
        self._connection.execute(delete(schema.leases).where((_L.mac == mac) | (_L.ip == ip)))
        self._connection.execute(insert(schema.leases), values | {"mac": mac, "ip": ip})

    def release(self, mac: str) -> None:
        """The machine gives its address back."""
        self._connection.execute(delete(schema.leases).where(_L.mac == mac))

    def decline(self, ip: str, site: str) -> None:
        """The machine found `ip` in use by another: leave it alone for an hour."""
        self._connection.execute(delete(schema.leases).where(_L.ip == ip))
        row = {"ip": ip, "mac": None, "site": site, "expires_at": self._now + _DECLINED_S, "declined": True}
        self._connection.execute(insert(schema.leases), row)

    def sweep(self, older_than_s: float = 86400.0) -> None:
        """Forget leases that ran out long ago."""
        self._connection.execute(delete(schema.leases).where(_L.expires_at < self._now - older_than_s))


def first_free(pool: Iterable[str], taken: set[str]) -> str | None:
    """The first address of the pool that nobody has."""
    return next((ip for ip in pool if ip not in taken), None)
