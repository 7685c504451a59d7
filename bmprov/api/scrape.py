"""`GET /metrics` for Prometheus, with the token of a reader, in its text format or as OpenMetrics, as it asks."""

from flask import Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from bmprov.api.credentials import Keyring
from bmprov.api.refusals import Forbidden
from bmprov.health.history import History
from bmprov.health.metrics import FactsCollector
from bmprov.roles import READERS
from bmprov.services import Services

PATH = "/metrics"

_OPENMETRICS = "application/openmetrics-text"


class Scrape:
    """The Flask view of the metrics. It is no route of the API: its answer is not JSON."""

    def __init__(self, services: Services, keyring: Keyring) -> None:
        self._keyring = keyring
        self.provide_automatic_options = False
        self._registry = CollectorRegistry()
        self._registry.register(FactsCollector(services.checkup, History(services.store)))

    def __call__(self) -> Response:
        """Tell all metrics."""
        token = self._keyring.bearer(request.headers.get("Authorization"))
        if token.role not in READERS:
            reading = " or ".join(sorted(READERS))
            raise Forbidden(f"the role of token '{token.name}' is {token.role}", f"the role that reads this: {reading}")
        if _OPENMETRICS in request.headers.get("Accept", ""):
            told = openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call] # it has no types
            return Response(told, content_type=openmetrics.CONTENT_TYPE_LATEST)
        return Response(generate_latest(self._registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
