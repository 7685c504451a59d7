"""What a load balancer asks."""

from typing import Literal

from bmprov.api.shapes.base import Reply


class Alive(Reply):
    """The process answers."""

    alive: Literal[True] = True


class Ready(Reply):
    """The process and everything it needs answer."""

    database: Literal["ok"] = "ok"
    redis: Literal["ok"] = "ok"
