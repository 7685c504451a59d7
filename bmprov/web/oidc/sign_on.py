"""The way to the provider and back. What belongs together is kept in a sealed cookie of ten minutes, used once."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from bmprov.api.refusals import Forbidden
from bmprov.errors import Fatal, NotFound, Refused
from bmprov.orders import NotLetIn, Vouched
from bmprov.roles import ANYBODY
from bmprov.services import Services
from bmprov.web.oidc.claims import name_of, role_of
from bmprov.web.oidc.provider import Client, Provider
from bmprov.web.oidc.wire import Wire
from bmprov.web.people import cookies
from bmprov.web.people.entering import browser, let_in, local
from bmprov.web.visitor import allowed
from bmprov.web_settings import WebSettings

BACK = "/sign-in/oidc/back"
"""Where the provider sends people back to, below `web.url`."""

_UNDER_WAY_S = 600.0
_LONGEST_COOKIE = 2000
_AGAIN = "open the sign-in page and begin anew; cookies must be allowed"


@dataclass(frozen=True)
class _UnderWay:
    """A sign-in that waits for the provider."""

    state: str
    nonce: str
    verifier: str
    to: str
    until: float


class SignOn:
    """The views of signing in at a provider."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._provider = provider_of(services.web) if services.web.oidc_issuer else None

    def register(self, web: Blueprint) -> None:
        """Add the views."""
        web.add_url_rule("/sign-in/oidc", "sign_on", allowed(ANYBODY)(self.go))
        web.add_url_rule(BACK, "sign_on_back", allowed(ANYBODY)(self.back))

    def go(self) -> Response:
        """Send the browser to the provider.

        Raises:
            NotFound: people sign in here only.
            Retryable: the provider does not answer.
        """
        provider = self._known()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        until = self._services.store.clock() + _UNDER_WAY_S
        under_way = _UnderWay(state, nonce, verifier, local(request.args.get("to", "/")), until)
        answer = redirect(provider.sign_in_at(state, nonce, verifier), 303)
        sealed = self._services.vault.seal(json.dumps(asdict(under_way)).encode()).decode()
        cookies.put(answer, cookies.SIGN_ON, sealed, _UNDER_WAY_S)
        return answer

    def back(self) -> Response:
        """The provider has sent the browser back.

        Raises:
            Forbidden: what it brings is not about a sign-in of this browser, or does not let them in.
            Retryable: the provider does not answer.
        """
        provider, under_way = self._known(), self._under_way()
        try:
            code, now = self._code(provider), self._services.store.clock()
            claims = provider.claims(code, under_way.verifier, under_way.nonce, now)
            role = role_of(claims, self._services.web)
            vouched = Vouched(provider.issuer, claims["sub"], name_of(claims), role)
            entry = self._services.orders.sign_in_vouched(vouched, browser(), self._services.web.session_s)
        except Refused as error:
            raise Forbidden(error.why, error.check) from error
        answer = let_in(self._services, entry, under_way.to)
        cookies.drop(answer, cookies.SIGN_ON)
        return answer

    def _known(self) -> Provider:
        if self._provider is None:
            raise NotFound("nobody signs in at a provider here", "sign in by name and password")
        return self._provider

    def _under_way(self) -> _UnderWay:
        """The sign-in that this browser has begun, to which the answer must belong."""
        sealed = request.cookies.get(cookies.SIGN_ON, "")
        try:
            told = json.loads(self._services.vault.open(sealed[:_LONGEST_COOKIE].encode(errors="replace")))
            under_way = _UnderWay(**told)
        except (Fatal, ValueError, TypeError):
            raise Forbidden("this browser has begun no sign-in", _AGAIN) from None
        if under_way.until < self._services.store.clock():
            raise Forbidden("this sign-in was begun more than ten minutes ago", _AGAIN)
        state = request.args.get("state", "")
        if not secrets.compare_digest(state.encode(errors="replace"), under_way.state.encode()):
            raise Forbidden("the provider's answer belongs to another sign-in", _AGAIN)
        return under_way

    @staticmethod
    def _code(provider: Provider) -> str:
        """The code in the provider's answer (RFC 6749, section 4.1.2, and RFC 9207)."""
        if request.args.get("iss", provider.issuer) != provider.issuer:
            raise NotLetIn("the answer is another provider's", _AGAIN)
        if error := request.args.get("error"):
            said = "".join(letter for letter in error if letter.isprintable())[:80]
            raise NotLetIn(f"the provider says '{said}'", "sign in again, or ask who runs the provider")
        return request.args.get("code", "")


def provider_of(web: WebSettings) -> Provider:
    """The provider that the settings describe.

    Raises:
        Fatal: a file that they name cannot be read.
    """
    secret = ""
    if web.oidc_client_secret_file:
        try:
            secret = Path(web.oidc_client_secret_file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Fatal(
                f"the secret of the OpenID client cannot be read ({error})", "the setting `web.oidc_client_secret_file`"
            ) from error
    client = Client(web.oidc_client_id, secret, web.url.rstrip("/") + BACK, web.oidc_scopes)
    return Provider(web.oidc_issuer, client, Wire(web.oidc_ca))
