"""Who may ask, and how often: a bucket for each client that fills again (RFC 8085, 3.1; no answer goes to strangers).

An answer is longer than its question and goes wherever the question says that it comes from. So nobody outside the
provisioning networks is answered at all, and nobody inside more often than a machine has reason to ask.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network

_PER_S, _BURST = 100.0, 200.0
_CLIENTS = 4096


class Gate:
    """Counts what it turns away. The clients of longest ago are forgotten, which a flood with forged senders brings."""

    def __init__(self, networks: Sequence[IPv4Network], clock: Callable[[], float] = time.monotonic) -> None:
        self._networks = tuple((int(one.network_address), int(one.netmask)) for one in networks)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.strangers = 0
        self.too_many = 0

    def admits(self, client: str) -> bool:
        """Whether this client's question is to be looked at; one more is counted against it."""
        number = int(IPv4Address(client))
        if not any(number & mask == network for network, mask in self._networks):
            self.strangers += 1
            return False
        now = self._clock()
        left, at = self._buckets.pop(client, (_BURST, now))
        left = min(_BURST, left + (now - at) * _PER_S)
        admitted = left >= 1
        self._buckets[client] = (left - 1 if admitted else left, now)
        if len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)
        self.too_many += not admitted
        return admitted
