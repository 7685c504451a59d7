"""The tokens that `bmprov up` makes for its own folder, and the first token of a service.

They go straight into the database, because nobody can ask the API for a token without having one.
"""

from bmprov import tls
from bmprov.api.credentials import Keyring, issue
from bmprov.cli.folder import Folder, write
from bmprov.cli.login import Login
from bmprov.errors import BmprovError
from bmprov.model import Role
from bmprov.settings import Settings
from bmprov.store import Store

CLOUD = "cloudstack"
"""The cloud of the extension's token in an `up`."""

REACHED = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
"""What a client connects to when the service listens on every address."""


def first(settings: Settings, name: str) -> str:
    """Make a token of an administrator; its secret."""
    store = Store(settings.database)
    try:
        return _make(store, name, Role.ADMIN, "")
    finally:
        store.close()


def hand_over(folder: Folder, settings: Settings) -> None:
    """Write `client.ini` and `extension.ini`, with the tokens that are there while they are valid."""
    store = Store(settings.database)
    try:
        admin = _kept(store, folder, "client.ini") or _make(store, "up", Role.ADMIN, "")
        cloud = _kept(store, folder, "extension.ini") or _make(store, "extension", Role.CLOUD, CLOUD)
    finally:
        store.close()
    api = settings.api
    pinned = f"# or, instead of ca: fingerprint = sha256:{tls.fingerprint(api.certificate)}\n"
    for path, token, more in ((folder.client_ini, admin, ""), (folder.extension_ini, cloud, pinned)):
        write(path, f"[bmprov]\nendpoint = {endpoint(settings)}\ntoken = {token}\nca = {api.certificate}\n{more}")


def endpoint(settings: Settings) -> str:
    """Where the API and the page are, for this host's own clients."""
    api = settings.api
    return f"https://{REACHED.get(api.listen, api.listen)}:{api.port}"


def _kept(store: Store, folder: Folder, name: str) -> str | None:
    """The token in a file of an earlier start, if it is still good."""
    try:
        token = Login.from_file(folder.root / name).token
        Keyring(store).bearer(f"Bearer {token}")
    except BmprovError:
        return None
    return token


def _make(store: Store, name: str, role: Role, cloud: str) -> str:
    with store.write() as transaction:
        token, secret = issue(name, role, cloud, transaction.now)
        transaction.tokens.add(token)
        transaction.events.add("token created", actor="bmprov", detail=f"{name} ({token.id}), role {role}")
    return secret
