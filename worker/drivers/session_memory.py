"""The sessions of BMCs that speak Redfish, remembered for all processes of a site: in Redis, sealed.

Losing one costs a login, and leaves a session on the BMC until that closes it as idle.
"""

import hashlib
import json
from dataclasses import dataclass

from bmprov.errors import Fatal
from bmprov.power import BmcLogin
from bmprov.queue import JobQueue
from bmprov.vault import Vault
from worker.drivers.redfish_session import Session

_IDLE_S = 1200  # BMCs close a session that is idle for half an hour, as a rule


@dataclass(frozen=True)
class SharedSessions:
    """Fulfils `worker.drivers.redfish_session.SessionMemory`."""

    queue: JobQueue
    vault: Vault

    def session(self, login: BmcLogin) -> Session | None:
        """The session of this login, unless its user or password has changed since."""
        sealed = self.queue.kept(_name(login), _IDLE_S)
        if sealed is None:
            return None
        try:
            told = json.loads(self.vault.open(sealed))
        except Fatal:
            return None  # sealed with a key that is gone
        mine = told.pop("whose") == _whose(login)
        return Session(login, **told) if mine else None

    def remember(self, session: Session) -> None:
        """Keep a session for the next one."""
        told = {"whose": _whose(session.login), "token": session.token, "url": session.url, "system": session.system}
        self.queue.keep(_name(session.login), self.vault.seal(json.dumps(told).encode()), _IDLE_S)

    def forget(self, login: BmcLogin) -> None:
        """The BMC does not know it any more. Another login's is left alone."""
        if self.session(login) is not None:
            self.queue.drop(_name(login))


def _name(login: BmcLogin) -> str:
    return f"session:{login.address}"


def _whose(login: BmcLogin) -> str:
    return hashlib.sha256(f"{login.user}\0{login.password}\0{login.trust}".encode()).hexdigest()
