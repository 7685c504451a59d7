"""What a load balancer and a supervisor ask, without a token, and what a person asks."""

from http import HTTPMethod

from bmprov.api.refusals import NotReady
from bmprov.api.routing import API, route
from bmprov.api.shapes.health import Alive, HealthOut, Ready
from bmprov.errors import Retryable
from bmprov.roles import ANYBODY, READERS
from bmprov.services import Services


class Health:
    """Whether the service works."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.GET, "/healthz", roles=ANYBODY, answers={200: Alive})
    def alive(self) -> Alive:
        """Tell that the process answers."""
        return Alive()

    @route(HTTPMethod.GET, "/readyz", roles=ANYBODY, answers={200: Ready})
    def ready(self) -> Ready:
        """Tell that the database answers and has this version's tables, and that Redis answers.

        Without Redis requests are still accepted, but nothing that they begin goes on until it is back.
        """
        try:
            behind = self._services.store.is_behind()
        except Retryable:
            raise NotReady("the database does not answer", "that it runs, and the setting `database`") from None
        if behind:
            raise NotReady("the database has not this version's tables", "run `bmprov migrate`")
        try:
            self._services.queue.ping()
        except Retryable:
            raise NotReady("Redis does not answer", "that it runs, and the setting `redis`") from None
        return Ready()

    @route(HTTPMethod.GET, f"{API}/health", roles=READERS, answers={200: HealthOut})
    def facts(self) -> HealthOut:
        """Tell what is wrong with the service and what to check first, and all that is known of it.

        Nothing is asked of hardware; what is told is at most some seconds old.
        """
        return HealthOut.of(self._services.checkup.facts())
