"""What Redis knows of the service: queues, processes, sweeps, and which BMCs are left alone.

Redis is asked in a few round trips, by a client that gives up after half a second.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import product

from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from bmprov.bmc_seen import Seen, note_name
from bmprov.health.facts import LeftAlone, Pulse, QueueDepth
from bmprov.heartbeat import signs, sweeps
from bmprov.model import Urgency
from bmprov.queue import KEPT, queue_name


def feel(redis: Redis, sites: Iterable[str], doubtful: Mapping[str, str]) -> Pulse:
    """What Redis knows of these sites. `doubtful` are the addresses of BMCs that may be left alone, with their machine.

    Raises:
        RedisError: it does not answer.
    """
    processes = signs(redis)
    places = sorted({*sites, *(process.site for process in processes)})
    return Pulse(
        [_depth(redis, site, urgency) for site, urgency in product(places, Urgency)],
        processes,
        [sweep for sweep in sweeps(redis) if sweep.site in places],
        _left_alone(redis, doubtful),
    )


def _depth(redis: Redis, site: str, urgency: Urgency) -> QueueDepth:
    queue = Queue(queue_name(urgency, site), connection=redis, serializer=JSONSerializer)
    jobs = queue.count
    return QueueDepth(site, urgency, jobs, _oldest(queue) if jobs else None)


def _oldest(queue: Queue) -> float | None:
    with suppress(NoSuchJobError):  # a worker has just taken it
        for job_id in queue.get_job_ids(0, 1):
            job = Job.fetch(job_id, connection=queue.connection, serializer=JSONSerializer)
            return job.enqueued_at.timestamp() if job.enqueued_at else None
    return None


def _left_alone(redis: Redis, doubtful: Mapping[str, str]) -> Sequence[LeftAlone]:
    addresses = sorted(doubtful)
    notes = redis.mget([f"{KEPT}{note_name(address)}" for address in addresses]) if addresses else []
    seen = {address: Seen.of(note) for address, note in zip(addresses, notes, strict=True) if isinstance(note, bytes)}
    return [
        LeftAlone(doubtful[address], address, one.asked_again_at, one.silences, one.locked_out)
        for address, one in seen.items()
        if one.locked_out or one.asked_again_at is not None
    ]
