"""A store with webhooks, the rounds that tell them, and a receiver."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bmprov.model import Role
from bmprov.orders import Caller, NewWebhook, Orders
from bmprov.store import Store
from bmprov.vault import Vault
from bmprov.webhook import Delivery, Notice, NoticeKind, Webhook
from tests import databases
from tests.worker.webhooks.receiver import Receiver, receiver
from worker.webhooks.rounds import WebhookRounds

ADMIN = Caller("admin", Role.ADMIN, "", "127.0.0.1")


def until(holds: Callable[[], bool], what: str, within_s: float = 15) -> None:
    """Wait until something holds; fail naming it."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, f"{what} did not happen in {within_s} s"
        time.sleep(0.01)  # it is another thread, or process, that makes it hold


class Post:
    """Webhooks on a real SQLite file, or another database."""

    def __init__(self, url: str, key_file: Path) -> None:
        key_file.write_bytes(Fernet.generate_key())
        self.url, self.key_file = url, key_file
        self.ahead_s = 0.0
        self.store = Store(url, lambda: time.time() + self.ahead_s)
        self.vault = Vault.from_file(key_file)
        self.orders = Orders(self.store, self.vault, reservation_s=1800, freshness_s=90)
        self.rounds = WebhookRounds(self.store, self.vault, 0.02, call_s=5.0, jitter=lambda: 1.0)

    def add(self, to: Receiver | str, name: str = "alerts", *, trust: str = "") -> Webhook:
        """A webhook of a receiver, which knows its secret from then on; or of a URL."""
        url, trust = (to, trust) if isinstance(to, str) else (to.url, to.fingerprint)
        webhook, secret = self.orders.add_webhook(NewWebhook(name, url, trust=trust, insecure_http=True), ADMIN)
        if isinstance(to, Receiver):
            to.secret = secret
        return webhook

    def tell(self, count: int = 1, kind: NoticeKind = NoticeKind.POWER) -> None:
        """Something happens."""
        with self.store.write() as transaction:
            for number in range(count):
                transaction.outbox.tell(Notice(kind, str(uuid.uuid4()), transaction.now, {"number": number}))

    def work_off(self, webhook: Webhook) -> None:
        """Send what is due for a webhook, in this thread."""
        self.rounds.work_off(webhook.id, threading.Event())

    def deliveries(self, webhook: Webhook) -> list[Delivery]:
        """Oldest first."""
        with self.store.read() as transaction:
            return transaction.deliveries.newest(webhook.id)[::-1]

    def events(self) -> list[tuple[str, str]]:
        """What was done by bmprov itself, newest first."""
        with self.store.read() as transaction:
            return [(one.what, one.detail) for one in transaction.events.newest() if one.actor == "bmprov"]

    @contextmanager
    def running(self, *rounds: WebhookRounds) -> Iterator[None]:
        """The rounds go while the block lasts."""
        stopping = threading.Event()
        threads = [threading.Thread(target=one.run, args=(stopping,)) for one in rounds or (self.rounds,)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stopping.set()
            for thread in threads:
                thread.join()


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    built = Post(databases.sqlite(tmp_path / "bmprov.db"), tmp_path / "secret.key")
    yield built
    built.store.close()


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Receiver]:
    with receiver(tmp_path) as listening:
        yield listening
