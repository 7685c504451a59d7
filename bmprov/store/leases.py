"""Addresses that DHCP has given out on the provisioning networks.

DHCP asks for each packet, so the statements are made once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from bmprov.store import schema

_L, _O = schema.leases.c, schema.operations.c
_DECLINED_S = 3600.0
_OF = select(_L.mac, _L.ip, _L.site, _L.expires_at).where(_L.mac.in_(bindparam("macs", expanding=True)))
_LASTS = _L.expires_at > bindparam("now")
_LEASED = select(_L.ip).where(_L.site == bindparam("site"), _LASTS)
_LEASED_ONE = _LEASED.where(_L.ip == bindparam("which"))
_UNFINISHED = (_O.site == bindparam("site"), _O.finished_at.is_(None), _O.id != bindparam("asking"))
_BOUND = select(_O.boot_ip).where(*_UNFINISHED)
_BOUND_ONE = _BOUND.where(_O.boot_ip == bindparam("which"))
_PROLONG = (
    update(schema.leases)
    .where(_L.mac == bindparam("whose"), _L.ip == bindparam("which"))
    .values(site=bindparam("at"), operation_id=bindparam("asking"), expires_at=bindparam("until"), declined=False)
)
_CLEAR = delete(schema.leases).where((_L.mac == bindparam("whose")) | (_L.ip == bindparam("which")))
_GIVE = insert(schema.leases)


@dataclass(frozen=True)
class Lease:
    """The address that a MAC has, or had: `expires_at` may have passed."""

    ip: str
    site: str
    expires_at: float


class Leases:
    """The leases of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def of(self, macs: Collection[str]) -> dict[str, Lease]:
        """The leases of these NICs, by MAC, run out or not."""
        return {mac: Lease(*rest) for mac, *rest in self._connection.execute(_OF, {"macs": list(macs)})}

    def taken(self, site: str) -> set[str]:
        """Addresses that may not be given to another machine now.

        A ramdisk keeps its loader's address until it is done, however long that takes: an operation's token is bound
        to it, so it is nobody else's while the operation lasts.
        """
        asked = {"site": site, "now": self._now, "asking": ""}
        return {ip for query in (_LEASED, _BOUND) for ip in self._connection.execute(query, asked).scalars() if ip}

    def is_leased(self, ip: str, site: str) -> bool:
        """Whether somebody's lease of this address lasts."""
        asked = {"which": ip, "site": site, "now": self._now}
        return self._connection.execute(_LEASED_ONE, asked).first() is not None

    def is_bound(self, ip: str, site: str, operation_id: str) -> bool:
        """Whether another operation's token is bound to this address."""
        asked = {"which": ip, "site": site, "asking": operation_id}
        return self._connection.execute(_BOUND_ONE, asked).first() is not None

    def give(self, mac: str, ip: str, site: str, operation_id: str, lease_s: float) -> None:
        """Write down that `mac` has `ip`, which it may have had before."""
        until = self._now + lease_s
        asked = {"whose": mac, "which": ip, "at": site, "asking": operation_id, "until": until}
        if not self._connection.execute(_PROLONG, asked).rowcount:
            self.give_anew(mac, ip, site, operation_id, lease_s)

    def give_anew(self, mac: str, ip: str, site: str, operation_id: str, lease_s: float) -> None:
        """Write down that `mac` has `ip` from now on, which it has not now."""
        until = self._now + lease_s
        self._connection.execute(_CLEAR, {"whose": mac, "which": ip})
        values: dict[str, Any] = {"site": site, "operation_id": operation_id, "expires_at": until, "declined": False}
        self._connection.execute(_GIVE, values | {"mac": mac, "ip": ip})

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
