"""A region in a process of its own."""

import os
import time

from tests.maas.client import Client
from tests.maas.process import region_process


def test_a_region_in_a_process_of_its_own() -> None:
    """It serves as one in a thread does, tells what it was asked, and ends."""
    with region_process(3, latency_s=0.05) as maas, Client(maas.url, maas.key) as client:
        assert maas.pid != os.getpid()
        began = time.monotonic()
        assert len(client.get("machines/")) == 3
        assert time.monotonic() - began >= 0.05
        counted = maas.counted()
        assert counted.calls == {"Machines.read": 1}
        assert counted.sent_bytes > 1000
        assert counted.cpu_s > 0
        assert maas.counted().calls == {}
