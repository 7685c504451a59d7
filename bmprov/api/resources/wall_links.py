"""Routes of the links by which screens on walls show the pages."""

from http import HTTPMethod

from flask import request

from bmprov.api.routing import API, route
from bmprov.api.shapes.base import Key
from bmprov.api.shapes.wall_link import WallLinkIn, WallLinkList, WallLinkMade, WallLinkOut
from bmprov.orders import Caller
from bmprov.roles import ADMINS
from bmprov.services import Services

_ALL = f"{API}/wall-links"


class WallLinks:
    """Screens on walls."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.POST, _ALL, roles=ADMINS, answers={201: WallLinkMade})
    def add(self, body: WallLinkIn, caller: Caller) -> WallLinkMade:
        """Make a link that shows the pages and changes nothing; its address is in this answer and never again."""
        made = self._services.orders.add_wall_link(body.name, caller)
        return WallLinkMade(link=WallLinkOut.of(made.link), url=self._services.wall_url(made.secret, request.host))

    @route(HTTPMethod.GET, _ALL, roles=ADMINS, answers={200: WallLinkList})
    def all(self) -> WallLinkList:
        """List the wall links, oldest first."""
        with self._services.store.read() as transaction:
            return WallLinkList(links=[WallLinkOut.of(link) for link in transaction.wall_links.all()])

    @route(HTTPMethod.DELETE, f"{_ALL}/{{link_id}}", roles=ADMINS, answers={204: None})
    def revoke(self, link_id: Key, caller: Caller) -> None:
        """End a wall link; its screen shows nothing new five seconds later."""
        self._services.orders.revoke_wall_link(link_id, caller)
