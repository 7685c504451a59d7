"""The links by which screens on a wall show the pages. The secret itself is never here, only its SHA-256."""

from sqlalchemy import Connection, insert, select, update

from bmprov.model import WallLink
from bmprov.store import schema
from bmprov.store.rows import to_wall_link

_C = schema.wall_links.c


class WallLinks:
    """The wall links of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def add(self, link: WallLink) -> None:
        """Keep a new link."""
        self._connection.execute(insert(schema.wall_links), vars(link))

    def get(self, link_id: str) -> WallLink | None:
        """The link with this id, revoked ones too."""
        row = self._connection.execute(select(schema.wall_links).where(_C.id == link_id)).mappings().first()
        return to_wall_link(row) if row else None

    def all(self) -> list[WallLink]:
        """All links, oldest first, revoked ones too."""
        query = select(schema.wall_links).order_by(_C.created_at, _C.id)
        return [to_wall_link(row) for row in self._connection.execute(query).mappings()]

    def see(self, link_id: str) -> None:
        """Note that a screen uses it now."""
        self._connection.execute(update(schema.wall_links).where(_C.id == link_id).values(seen_at=self._now))

    def revoke(self, link_id: str) -> bool:
        """End a link; False when there is no such live link."""
        live = (_C.id == link_id) & _C.revoked_at.is_(None)
        ended = update(schema.wall_links).where(live).values(revoked_at=self._now)
        return self._connection.execute(ended).rowcount == 1
