"""Making and revoking callers' tokens, with the audit events; the API and the page do both alike."""

from bmprov.api.credentials import Keyring, issue
from bmprov.errors import Conflict, NotFound
from bmprov.model import Role, Token
from bmprov.orders import Caller
from bmprov.store import Store


class TokenDesk:
    """Gives tokens and takes them back. A revoked one works in this process no more, in others for some seconds."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    def make(self, name: str, role: Role, cloud: str, caller: Caller) -> tuple[Token, str]:
        """A token, and its secret, which nobody is told again.

        Raises:
            Conflict: a live token has the name.
        """
        with self._store.write() as transaction:
            transaction.one_at_a_time("token names")
            if any(one.name == name and one.revoked_at is None for one in transaction.tokens.all()):
                raise Conflict(f"there is a live token named '{name}'", "choose another name, or revoke it first")
            token, secret = issue(name, role, cloud, transaction.now)
            transaction.tokens.add(token)
            detail = f"{token.name} ({token.id}), role {token.role}"
            transaction.events.add("token created", actor=caller.name, origin=caller.origin, detail=detail)
        return token, secret

    def revoke(self, token_id: str, caller: Caller) -> Token:
        """End a token.

        Raises:
            NotFound: there is no such live token.
        """
        with self._store.write() as transaction:
            token = transaction.tokens.get(token_id)
            if token is None or not transaction.tokens.revoke(token_id):
                raise NotFound(f"there is no live token {token_id}", "look with `bmprov token list`")
            detail = f"{token.name} ({token.id})"
            transaction.events.add("token revoked", actor=caller.name, origin=caller.origin, detail=detail)
        self._keyring.forget(token_id)
        return token
