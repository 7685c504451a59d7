"""The processes of this package: `bmprov worker` and `bmprov watch`. The entry points that build everything."""

import gc
import json
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import FrameType

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from bmprov.errors import Fatal, Retryable
from bmprov.heartbeat import Heart
from bmprov.media import image_url
from bmprov.model import Operation, Region
from bmprov.payload import InstanceRequest, parse_request
from bmprov.queue import JobQueue, queue_names
from bmprov.settings import Settings
from bmprov.signs import Doing, Part
from bmprov.store import Store
from bmprov.vault import Vault
from worker.drivers.choice import Drivers
from worker.job import RUNNER
from worker.maas.follow import Follower
from worker.maas.rounds import RegionRounds
from worker.ports import PortMover
from worker.runner import Runner
from worker.sweep import Sweeper
from worker.switches.choice import Switches
from worker.watch import Watch
from worker.webhooks.rounds import WebhookRounds

log = structlog.get_logger()

_REDIS_PAUSE_S = 1.0


def run_worker(settings: Settings, name: str) -> None:
    """Work off the site's queues until SIGTERM.

    `name` is the worker's slot: what its dead predecessor held is taken back. No process is forked for a job (RQ's
    `SimpleWorker`): a job is a few milliseconds of our own code, and everything in it has a deadline.
    """
    store = Store(settings.database, pool_size=2)
    queue = JobQueue(settings.redis, name, settings.worker.bmc_pause_s)
    vault = Vault.from_file(settings.key_file)
    drivers = Drivers(vault, queue, urgent=True, region_of=partial(_region_of, store))
    with store.write() as transaction:
        freed = transaction.operations.release_leases(name)
    try:
        queue.release_holds()
    except Retryable as error:
        log.warning("holds on BMCs run out by themselves", error=str(error))
    log.info("worker starts", worker=name, site=settings.site, leases_taken_back=freed)
    spread = partial(random.uniform, 0.8, 1.2)  # retries
    cd_url_of, request_of = partial(_cd_url, settings, vault), partial(_request, store, vault)
    ports = PortMover(store, Switches(vault, queue).of, settings.network.vlan_map)
    RUNNER.set(Runner(store, drivers.of, settings.worker, name, spread, cd_url_of, request_of, ports.of))
    stopping, heart = threading.Event(), Heart(settings.redis, Part.WORKER, settings.site, name)
    heart.start()
    while not stopping.is_set():
        try:
            _SiteWorker.on(settings, stopping, heart).work(logging_level="WARNING", with_scheduler=False)
        except RedisError as error:
            log.warning("Redis did not answer, trying again", error=str(error))
        stopping.wait(_REDIS_PAUSE_S)
    heart.stop()


def _cd_url(settings: Settings, vault: Vault, operation: Operation) -> str:
    return image_url(settings.pxe.media_base, vault.operation_token(operation.id))


def _region_of(store: Store, name: str) -> Region | None:
    with store.read() as transaction:
        return transaction.regions.named(name)


def _request(store: Store, vault: Vault, operation: Operation) -> InstanceRequest:
    with store.read() as transaction:
        instance = transaction.instances.get(operation.instance_id or "")
    if instance is None:
        raise Fatal(f"instance {operation.instance_id} is not here any more", "it was deleted")
    return parse_request(json.loads(vault.open(instance.sealed_payload)))


class _SiteWorker(SimpleWorker):
    """RQ's worker of one site. Its `work` also returns when Redis fails in mid-job; then it is made anew."""

    max_connection_wait_time = 2.0  # RQ's own is a minute, in which a restarted Redis would stand idle
    stopping: threading.Event
    heart: Heart

    @classmethod
    def on(cls, settings: Settings, stopping: threading.Event, heart: Heart) -> "_SiteWorker":
        """A worker of the site's queues that sets `stopping` when a signal asks it to stop."""
        redis = Redis.from_url(settings.redis)  # without a time limit: RQ waits for jobs in a blocking read
        queues = [Queue(name, connection=redis, serializer=JSONSerializer) for name in queue_names([settings.site])]
        worker = cls(queues, connection=redis, serializer=JSONSerializer)
        worker.stopping, worker.heart = stopping, heart
        return worker

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job, and tell meanwhile of which operation it is."""
        self.heart.doing = Doing(str(job.args[0]), time.time())
        try:
            super().execute_job(job, queue)
        finally:
            self.heart.doing = Doing()

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT: finish the job and stop."""
        self.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call] # RQ's has no types


def run_watch(settings: Settings) -> None:
    """Keep the site going until SIGTERM."""
    store = Store(settings.database, pool_size=2)
    queue = JobQueue(settings.redis, pause_s=settings.worker.bmc_pause_s)
    vault, watch = Vault.from_file(settings.key_file), settings.watch
    drivers, webhooks = Drivers(vault, queue, urgent=False), WebhookRounds(store, vault, watch.tick_s)
    follower = Follower(store, drivers.calls_of, watch.regions_read_s)
    rounds = RegionRounds(
        store, queue, settings.site, watch.regions_s, follower.follow, watch.regions_look_s, follower.look
    )
    heart = Heart(settings.redis, Part.WATCH, settings.site)
    heart.start()
    gc.freeze()  # what was imported stays: looking through it takes a twentieth of a sweep
    with ThreadPoolExecutor(watch.sweep_concurrency, "sweep") as pool:
        sweeper = Sweeper(store, drivers, queue, pool, watch.sweep_concurrency, watch.read_s)
        Watch(store, queue, settings.site, watch, sweeper.sweep, rounds.run, webhooks.run).run(_stop_signals())
    heart.stop()


def _stop_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
