"""Signs of life: every process tells Redis every few seconds that it lives, and a watch how its last sweep went.

A sign expires by Redis' own clock, so the clocks of hosts need not agree. A process whose Redis is gone goes on as if
nothing were; the page then says that it does not know. RQ keeps a registry of workers too, but an idle worker tells it
something every seven minutes only.
"""

import json
import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from bmprov.signs import Doing, Part, Sign, Sweep

BEAT_S = 5.0
LIVES_S = 16
"""How long a sign counts: three may be lost."""

_ALL = "bmprov:alive"
_SWEEPS = "bmprov:sweeps"
_PATIENCE_S = 2.0


class Heart:
    """Tells from a thread of its own that this process lives, until it does not."""

    def __init__(self, url: str, part: Part, site: str, name: str = "") -> None:
        self._redis = Redis.from_url(url, socket_connect_timeout=_PATIENCE_S, socket_timeout=_PATIENCE_S)
        host = platform.node()
        self._sign = Sign(part, site, name or f"{host}:{os.getpid()}", host, os.getpid(), time.time())
        self.doing = Doing()

    def start(self) -> None:
        """Beat from now on."""
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def beat(self) -> None:
        """Tell once."""
        sign = replace(self._sign, doing=self.doing.operation_id, doing_since=self.doing.since)
        key = f"{_ALL}:{sign.part}:{sign.site}:{sign.name}"
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(key, json.dumps(asdict(sign)), ex=LIVES_S)
            pipeline.sadd(_ALL, key)
            pipeline.execute()

    def stop(self) -> None:
        """Take the sign away: the process ends, and is not missed for it."""
        key = f"{_ALL}:{self._sign.part}:{self._sign.site}:{self._sign.name}"
        with suppress(RedisError):
            self._redis.delete(key)

    def _run(self, wait: Callable[[float], Any] = time.sleep) -> None:
        while True:
            with suppress(RedisError):
                self.beat()
            wait(BEAT_S)


def signs(redis: Redis) -> list[Sign]:
    """The processes that live, by part, site and name. Raises RedisError."""
    keys = sorted(key.decode() for key in redis.smembers(_ALL) if isinstance(key, bytes))
    told = list(zip(keys, redis.mget(keys), strict=True)) if keys else []
    if gone := [key for key, sign in told if sign is None]:
        redis.srem(_ALL, *gone)
    return [sign for _, text in told if text is not None and (sign := _sign(text))]


def note_sweep(redis: Redis, sweep: Sweep) -> None:
    """Keep what the last whole sweep of a site was. Raises RedisError."""
    redis.hset(_SWEEPS, sweep.site, json.dumps(asdict(sweep)))


def sweeps(redis: Redis) -> list[Sweep]:
    """The last whole sweep of each site, by site. Raises RedisError."""
    told = [json.loads(sweep) for sweep in redis.hgetall(_SWEEPS).values()]
    return sorted((Sweep(**sweep) for sweep in told), key=lambda sweep: sweep.site)


def _sign(text: bytes | str) -> Sign | None:
    """A sign; None for one of another version of bmprov, which this one does not understand."""
    with suppress(ValueError, TypeError, KeyError):
        told = json.loads(text)
        return Sign(**{**told, "part": Part(told["part"])})
    return None
