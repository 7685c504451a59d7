"""Routes of callers' tokens."""

from http import HTTPMethod

from bmprov.api.credentials import Keyring
from bmprov.api.routing import API, route
from bmprov.api.shapes.base import Key
from bmprov.api.shapes.page import PageQuery, page_of
from bmprov.api.shapes.token import TokenIn, TokenList, TokenMade, TokenOut
from bmprov.api.token_desk import TokenDesk
from bmprov.orders import Caller
from bmprov.roles import ADMINS
from bmprov.services import Services

_ALL = f"{API}/tokens"


class Tokens:
    """Callers' rights to call."""

    def __init__(self, services: Services, keyring: Keyring) -> None:
        self._services = services
        self._desk = TokenDesk(services.store, keyring)

    @route(HTTPMethod.POST, _ALL, roles=ADMINS, answers={201: TokenMade})
    def create(self, body: TokenIn, caller: Caller) -> TokenMade:
        """Make a token; its secret is shown in this answer and never again."""
        token, secret = self._desk.make(body.name, body.role, body.cloud or "", caller)
        return TokenMade(token=TokenOut.of(token), secret=secret)

    @route(HTTPMethod.GET, _ALL, roles=ADMINS, answers={200: TokenList})
    def all(self, query: PageQuery) -> TokenList:
        """List the tokens, oldest first."""
        with self._services.store.read() as transaction:
            every = transaction.tokens.all()
        tokens, after = page_of(every, query, "tokens", (float, str), lambda token: (token.created_at, token.id))
        return TokenList(tokens=[TokenOut.of(token) for token in tokens], next=after)

    @route(HTTPMethod.DELETE, f"{_ALL}/{{token_id}}", roles=ADMINS, answers={204: None})
    def revoke(self, token_id: Key, caller: Caller) -> None:
        """End a token; another process may accept it for five seconds more."""
        self._desk.revoke(token_id, caller)
