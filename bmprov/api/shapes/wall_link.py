"""Links of wall screens. A secret is shown once, when its link is made."""

from datetime import datetime
from typing import Self

from bmprov.api.shapes.base import Label, Reply, Request, moment, moment_or_none
from bmprov.model import WallLink


class WallLinkIn(Request):
    """A link to make."""

    name: Label


class WallLinkOut(Reply):
    """A link, without its secret."""

    id: str
    name: str
    created_by: str
    created_at: datetime
    seen_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, link: WallLink) -> Self:
        """A link as the API shows it."""
        return cls(
            id=link.id,
            name=link.name,
            created_by=link.created_by,
            created_at=moment(link.created_at),
            seen_at=moment_or_none(link.seen_at),
            revoked_at=moment_or_none(link.revoked_at),
        )


class WallLinkMade(Reply):
    """A new link and the address that the screen is to open, which is shown this once."""

    link: WallLinkOut
    url: str


class WallLinkList(Reply):
    """Links, oldest first, revoked ones too."""

    links: list[WallLinkOut]
