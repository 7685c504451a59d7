"""How often a machine has booted from the network in one operation, to end a loop in words and not at the deadline.

Every boot fetches the script once; the script's own tries fetch only what it names. The count lives in Redis, because
it is no truth: losing it lets a loop go on for a few more rounds.
"""

from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from redis import Redis

log = structlog.get_logger()

_KEPT_S = 86400


class Netboots:
    """The counts of all operations."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    def count(self, operation_id: str) -> int:
        """Count one more; how many there were. Without Redis nothing is counted, and the machine may boot."""
        key = f"bmprov:netboots:{operation_id}"
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.incr(key)
                pipeline.expire(key, _KEPT_S)
                booted, _ = pipeline.execute()
        except RedisError as error:
            log.warning("a network boot is not counted", operation=operation_id, error=str(error))
            return 0
        return int(booted)
