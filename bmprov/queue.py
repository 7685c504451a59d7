"""The queue: RQ on Redis or Valkey. A job is a nudge that carries an operation's id and nothing else.

Losing all of Redis loses nothing: the operation's row says what is to be done and `watch` nudges again.
RQ's JSON serializer is used, because pickle would let anyone who can write to Redis run code in the workers.
"""

import secrets
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from bmprov.deadline import Deadline
from bmprov.errors import BmcBusy, Retryable
from bmprov.model import Operation, Urgency

JOB = "worker.job.advance"
"""What a worker calls. A name, so that the API need not import the worker."""

_JOB_S = 600
_HASTE_S = 0.5
_NO_RETRY = Retry(NoBackoff(), 0)
_PROGRESS_S = 3600
_HOLD_MS = 20_000
_ASK_EVERY_S = 0.02
_RELEASE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('del', KEYS[1]) end
return redis.call('pexpire', KEYS[1], ARGV[2])
"""
_HOLD_MANY = """
local told, count = {}, #KEYS / 2
for i = 1, count do
  told[i] = redis.call('set', KEYS[i], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
  told[count + i] = redis.call('getex', KEYS[count + i], 'EX', ARGV[3])
end
return told
"""
_RELEASE_MANY = """
for i, key in ipairs(KEYS) do
  if redis.call('get', key) == ARGV[i + 1] then
    if ARGV[1] == '0' then redis.call('del', key) else redis.call('pexpire', key, ARGV[1]) end
  end
end
"""
KEPT = "bmprov:kept:"
"""Before the name of what is kept."""

_BMC, _HELD = "bmprov:bmc:", "bmprov:held:"
_ID_SEPARATOR = "_"  # RQ allows letters, digits, `-` and `_` in the id of a job


def queue_name(urgency: Urgency, site: str) -> str:
    """The name of a site's queue, such as `power@default`."""
    return f"{urgency}@{site}"


def queue_names(sites: Iterable[str]) -> list[str]:
    """The queues of some sites in the order in which a worker empties them: power first."""
    places = list(sites)
    return [queue_name(urgency, site) for urgency in (Urgency.POWER, Urgency.DEPLOY) for site in places]


@dataclass(frozen=True)
class Hold:
    """A BMC that was asked for: the token that lets it go (None when another has it), and what is kept of it."""

    token: bytes | None
    note: bytes | None


class JobQueue:
    """The queue of one service.

    `pause_s` is how long a BMC is left in peace between two sessions. `hasty` is a client for what is only shown: it
    gives up soon. Raises `Retryable` when Redis does not answer.
    """

    def __init__(self, url: str, owner: str = "", pause_s: float = 0.0) -> None:
        self._owner = owner
        self._pause_s = pause_s
        self.redis = Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5)
        self.hasty = Redis.from_url(url, socket_connect_timeout=_HASTE_S, socket_timeout=_HASTE_S, retry=_NO_RETRY)
        self._release = self.redis.register_script(_RELEASE)
        self._hold_many = self.redis.register_script(_HOLD_MANY)
        self._release_many = self.redis.register_script(_RELEASE_MANY)

    def nudge(self, operation: Operation) -> None:
        """Ask a worker of the operation's site to look at it."""
        with _translated():
            queue = self._queue(queue_name(operation.urgency, operation.site))
            job_id = f"{operation.id}{_ID_SEPARATOR}{uuid.uuid4().hex[:8]}"
            queue.enqueue(JOB, operation.id, job_id=job_id, job_timeout=_JOB_S, result_ttl=0, failure_ttl=0)

    def waiting(self, sites: Iterable[str]) -> set[str]:
        """Ids of the operations that a nudge is waiting for in these sites' queues."""
        with _translated():
            names = queue_names(sites)
            return {job.partition(_ID_SEPARATOR)[0] for name in names for job in self._queue(name).job_ids}

    def set_progress(self, operation_id: str, done_bytes: int, total_bytes: int) -> None:
        """Keep how far the image is written; forgotten after an hour."""
        with _translated():
            self.redis.set(f"bmprov:progress:{operation_id}", f"{done_bytes} {total_bytes}", ex=_PROGRESS_S)

    def progress(self, operation_id: str) -> tuple[int, int] | None:
        """Bytes written and bytes in all, if the machine has told."""
        with _translated():
            return _progress(self.redis.get(f"bmprov:progress:{operation_id}"))

    def progress_of(self, operation_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        """The same of many operations, by id, in one question; those that have not told are left out."""
        if not operation_ids:
            return {}
        with _translated():
            told = self.redis.mget([f"bmprov:progress:{one}" for one in operation_ids])
        known = zip(operation_ids, map(_progress, told), strict=True)
        return {operation_id: progress for operation_id, progress in known if progress}

    @contextmanager
    def hold(self, address: str, by: Deadline, for_s: float = _HOLD_MS / 1000) -> Iterator[None]:
        """Hold a BMC, so that one session at a time is opened to it, whichever process asks, and a pause lies between.

        `for_s` is when the lock runs out by itself, should this process be killed.

        Raises:
            BmcBusy: another held it until the deadline.
        """
        key, token = f"{_BMC}{address}", secrets.token_bytes(16)
        with _translated():
            while not (held := self.redis.set(key, token, nx=True, px=int(for_s * 1000))) and not by.passed:
                time.sleep(min(_ASK_EVERY_S, by.remaining_s))  # a lock that runs out tells nobody
            if held and self._owner:
                self.redis.sadd(f"{_HELD}{self._owner}", address)
        if not held:
            raise BmcBusy(f"another session of ours held BMC {address} all the time", "look for a stuck worker")
        try:
            yield
        finally:
            self._let_go(key, token, address)

    def hold_many(self, addresses: Sequence[str], notes: Sequence[str], for_s: int) -> list[Hold]:
        """Hold as many of these BMCs as nobody holds now, each with what is kept by the note's name beside it."""
        token = secrets.token_bytes(16)
        keys = [f"{_BMC}{address}" for address in addresses] + [f"{KEPT}{note}" for note in notes]
        with _translated():
            told = self._hold_many(keys=keys, args=[token, _HOLD_MS, for_s])
        held = zip(told[: len(addresses)], told[len(addresses) :], strict=True)
        return [Hold(token if taken else None, kept) for taken, kept in held]

    def let_go_many(self, held: Mapping[str, bytes], notes: Mapping[str, bytes | None], for_s: int) -> None:
        """Let go of BMCs, by address and token, after the pause; keep these notes, or drop those that are None."""
        keys = [f"{_BMC}{address}" for address in held]
        with _translated():
            if notes:
                self._keep_many(notes, for_s)
            self._release_many(keys=keys, args=[int(self._pause_s * 1000), *held.values()])

    def _keep_many(self, notes: Mapping[str, bytes | None], for_s: int) -> None:
        with self.redis.pipeline(transaction=False) as pipeline:
            for name, note in notes.items():
                if note is None:
                    pipeline.delete(f"{KEPT}{name}")
                else:
                    pipeline.set(f"{KEPT}{name}", note, ex=for_s)
            pipeline.execute()

    def release_holds(self) -> None:
        """Let go of the BMCs that a process with our owner's name held when it was killed."""
        with _translated():
            for member in self.redis.smembers(f"{_HELD}{self._owner}"):
                address = member.decode() if isinstance(member, bytes) else member
                self.redis.delete(f"{_BMC}{address}")
            self.redis.delete(f"{_HELD}{self._owner}")

    def _let_go(self, key: str, token: bytes, address: str) -> None:
        """Let the lock go, after the pause. Another's, when ours had run out meanwhile, is left alone."""
        with suppress(RedisError):  # Redis is down: the lock runs out by itself
            self._release(keys=[key], args=[token, int(self._pause_s * 1000)])
            if self._owner:
                self.redis.srem(f"{_HELD}{self._owner}", address)

    def keep(self, name: str, value: bytes, for_s: int) -> None:
        """Keep some bytes for all processes, until nobody has asked for them for `for_s` seconds."""
        with _translated():
            self.redis.set(f"{KEPT}{name}", value, ex=for_s)

    def kept(self, name: str, for_s: int) -> bytes | None:
        """What is kept by this name, from now on for `for_s` seconds more."""
        with _translated():
            found = self.redis.getex(f"{KEPT}{name}", ex=for_s)
            return found if isinstance(found, bytes) else None

    def take(self, name: str) -> bytes | None:
        """What is kept by this name, for the first who asks."""
        with _translated():
            found = self.redis.getdel(f"{KEPT}{name}")
            return found if isinstance(found, bytes) else None

    def drop(self, name: str) -> None:
        """Keep it no longer."""
        with _translated():
            self.redis.delete(f"{KEPT}{name}")

    def claim_turn(self, what: str, for_s: float) -> bool:
        """Whether this process is the first to ask for `what` in a period of `for_s` seconds."""
        with _translated():
            return bool(self.redis.set(f"bmprov:turn:{what}", 1, px=int(for_s * 1000), nx=True))

    def ping(self) -> None:
        """Return if Redis answers."""
        with _translated():
            self.redis.ping()

    def _queue(self, name: str) -> Queue:
        return Queue(name, connection=self.redis, serializer=JSONSerializer)


def _progress(told: object) -> tuple[int, int] | None:
    """What `set_progress` has kept, read back."""
    done, _, total = told.decode().partition(" ") if isinstance(told, bytes) else ("", "", "")
    return (int(done), int(total)) if total else None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise Retryable(f"Redis did not answer ({error})", "check that it runs, and the setting `redis`") from error
