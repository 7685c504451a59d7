"""The few calls of Ironic's Bare Metal API (v1) that the bench makes, over one keep-alive connection."""

import http.client
import json
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from tests.bench.measure import BenchError

MICROVERSION_HEADER = {"X-OpenStack-Ironic-API-Version": "1.80"}
TIMEOUT_S = 60.0
# 409: the node is locked by another request. 503: the conductor has no worker free. Ironic's documentation asks its
# clients to try both again.
TRY_AGAIN = (HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(frozen=True)
class Answer:
    """An HTTP status and the JSON that came with it (None without one)."""

    status: int
    body: Any


class IronicClient:
    """One connection; not for several threads."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """One request with a JSON body; whatever status comes back."""
        content = None if body is None else json.dumps(body)
        try:
            return self._ask(method, path, content)
        except http.client.RemoteDisconnected:
            # Ironic's HTTP server (cheroot) closes a connection that was idle for ten seconds.
            self._connection.close()
            return self._ask(method, path, content)

    def _ask(self, method: str, path: str, content: str | None) -> Answer:
        self._connection.request(method, path, content, {"Content-Type": "application/json", **MICROVERSION_HEADER})
        response = self._connection.getresponse()
        raw = response.read()
        return Answer(response.status, json.loads(raw) if raw else None)

    def expect(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON of any shape
        """The JSON of a request that must succeed."""
        answer = self.call(method, path, body)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise BenchError(f"Ironic answered {method} {path} with {answer.status}: {answer.body}")
        return answer.body

    def offers(self, driver: str) -> bool:
        """Whether a live conductor offers this driver."""
        answer = self.call("GET", "/v1/drivers")
        return answer.status == HTTPStatus.OK and any(entry["name"] == driver for entry in answer.body["drivers"])

    def enrol(self, name: str) -> bool:
        """Create a node of fake hardware, which begins as `enroll`. True: there is nothing to try again."""
        self.expect("POST", "/v1/nodes", {"name": name, "driver": "fake-hardware"})
        return True

    def provision(self, name: str, target: str) -> bool:
        """Ask for a change of provision state; False when Ironic says that it should be tried again."""
        path = f"/v1/nodes/{name}/states/provision"
        answer = self.call("PUT", path, {"target": target})
        if answer.status in TRY_AGAIN:
            return False
        if answer.status != HTTPStatus.ACCEPTED:
            raise BenchError(f"Ironic answered PUT {path} with {answer.status}: {answer.body}")
        return True

    def any_in(self, provision_state: str) -> bool:
        """Whether at least one node is in this state."""
        return bool(self._nodes(provision_state, limit=1))

    def count_in(self, provision_state: str) -> int:
        """How many nodes are in this state; at most a page of 1,000 is counted."""
        return len(self._nodes(provision_state, limit=1000))

    def switch(self, name: str, target: str) -> None:
        """Ask for a power state, "power on" or "power off"."""
        self.expect("PUT", f"/v1/nodes/{name}/states/power", {"target": target})

    def power(self, name: str) -> str:
        """The power state as Ironic tells it now."""
        return str(self.expect("GET", f"/v1/nodes/{name}?fields=power_state")["power_state"])

    def _nodes(self, provision_state: str, limit: int) -> list[object]:
        path = f"/v1/nodes?provision_state={provision_state.replace(' ', '%20')}&fields=uuid&limit={limit}"
        return list(self.expect("GET", path)["nodes"])
