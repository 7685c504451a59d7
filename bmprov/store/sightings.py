"""Where relays and switches say that a NIC is: DHCP's option 82 (RFC 3046), as it was seen last."""

from dataclasses import asdict

from sqlalchemy import Connection, insert, select, update

from bmprov.cabling import RelaySighting
from bmprov.store import schema

_S = schema.relay_sightings.c


class Sightings:
    """The sightings of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def of(self, mac: str) -> RelaySighting | None:
        """Where this NIC was seen last."""
        row = self._connection.execute(select(schema.relay_sightings).where(_S.mac == mac)).mappings().first()
        return RelaySighting(**row) if row else None

    def keep(self, seen: RelaySighting) -> None:
        """Write down that it was seen now."""
        values = asdict(seen) | {"seen_at": self._now}
        known = update(schema.relay_sightings).where(_S.mac == seen.mac).values(**values)
        if not self._connection.execute(known).rowcount:
            self._connection.execute(insert(schema.relay_sightings), values)
