"""Looks up the facts, and remembers them for a moment, so that many who ask cost no more than one."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import make_url

from bmprov.census import Census
from bmprov.errors import Retryable
from bmprov.health.facts import Facts, Pulse
from bmprov.health.premises import certificate, disk
from bmprov.health.pulse import feel
from bmprov.settings import Settings
from bmprov.store import Store
from bmprov.truth import FRESHNESS_S

REMEMBERED_S = 2.0

_SWEEP_S = 30.0
_ToldT = TypeVar("_ToldT")


@dataclass(frozen=True)
class Watched:
    """What is looked at on this host, and what the settings promise of sweeps and readings."""

    folders: Mapping[str, Path] = field(default_factory=dict)
    certificates: Mapping[str, Path] = field(default_factory=dict)
    sweep_s: float = _SWEEP_S
    freshness_s: float = FRESHNESS_S

    @classmethod
    def by(cls, settings: Settings) -> "Watched":
        """What these settings name."""
        folders = {"images": settings.images}
        url = make_url(settings.database)
        if url.get_backend_name() == "sqlite" and url.database:
            folders["database"] = Path(url.database).parent
        certificates = {"api": settings.api.certificate}
        return cls(folders, certificates, settings.watch.sweep_s, settings.watch.freshness_s)


class Checkup:
    """The facts of one service. Threads may share it."""

    def __init__(self, store: Store, redis: Redis, watched: Watched, remembered_s: float = REMEMBERED_S) -> None:
        self._store = store
        self._redis = redis
        self._watched = watched
        self._remembered_s = remembered_s
        self._lock = threading.Lock()
        self._known: Facts | None = None

    def facts(self) -> Facts:
        """The facts, at most some seconds old. Whatever does not answer is told in them; nothing is raised."""
        with self._lock:
            known, now = self._known, self._store.clock()
            if known is None or not 0 <= now - known.at < self._remembered_s:
                known = self._known = self._look()
        return known

    def _look(self) -> Facts:
        watched, now = self._watched, self._store.clock()
        census, database_error = _told(self._census)
        pulse, redis_error = _told(lambda: self._pulse(census))
        return Facts(
            at=now,
            census=census,
            database_error=database_error,
            pulse=pulse,
            redis_error=redis_error,
            disks=[disk(what, path) for what, path in watched.folders.items()],
            certificates=[certificate(what, path) for what, path in watched.certificates.items()],
            sweep_s=watched.sweep_s,
            freshness_s=watched.freshness_s,
        )

    def _census(self) -> Census:
        with self._store.read() as transaction:
            return transaction.census.take(self._watched.freshness_s)

    def _pulse(self, census: Census | None) -> Pulse:
        doubtful = {one.address: one.machine for one in census.silent} if census else {}
        return feel(self._redis, census.sites if census else (), doubtful)


def _told(ask: Callable[[], _ToldT]) -> tuple[_ToldT | None, str]:
    """What was asked for, or why it is not known."""
    try:
        return ask(), ""
    except Retryable as error:
        return None, str(error)
    except RedisError as error:
        return None, f"Redis did not answer ({error}): check that it runs, and the setting `redis`"
