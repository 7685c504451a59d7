"""Routes of people: who may sign in to the web page."""

from http import HTTPMethod

from flask import request

from bmprov.api.routing import API, route
from bmprov.api.shapes.base import Key
from bmprov.api.shapes.person import PersonIn, PersonList, PersonOut, PersonPatch, SignedOut, SignInLink
from bmprov.orders import LINK_S, Caller, NewPerson, PersonChange
from bmprov.orders.people import person_named
from bmprov.roles import ADMINS
from bmprov.services import Services

_ALL = f"{API}/people"
_ONE = f"{_ALL}/{{name}}"


class People:
    """People and what they may."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.POST, _ALL, roles=ADMINS, answers={201: PersonOut})
    def add(self, body: PersonIn, caller: Caller) -> PersonOut:
        """Enter somebody who may sign in to the web page."""
        return PersonOut.of(self._services.orders.add_person(NewPerson(**dict(body)), caller))

    @route(HTTPMethod.GET, _ALL, roles=ADMINS, answers={200: PersonList})
    def all(self) -> PersonList:
        """List the people by name."""
        with self._services.store.read() as transaction:
            return PersonList(people=[PersonOut.of(person) for person in transaction.people.all()])

    @route(HTTPMethod.GET, _ONE, roles=ADMINS, answers={200: PersonOut})
    def one(self, name: Key) -> PersonOut:
        """Show a person."""
        with self._services.store.read() as transaction:
            return PersonOut.of(person_named(transaction, name))

    @route(HTTPMethod.PUT, _ONE, roles=ADMINS, answers={200: PersonOut})
    def change(self, name: Key, body: PersonPatch, caller: Caller) -> PersonOut:
        """Change somebody's role or password, disable or enable them; what is left out stays as it is."""
        return PersonOut.of(self._services.orders.change_person(name, PersonChange(**dict(body)), caller))

    @route(HTTPMethod.DELETE, _ONE, roles=ADMINS, answers={204: None})
    def remove(self, name: Key, caller: Caller) -> None:
        """Forget somebody; what they did stays in the log."""
        self._services.orders.remove_person(name, caller)

    @route(HTTPMethod.POST, f"{_ONE}/link", roles=ADMINS, answers={200: SignInLink})
    def link(self, name: Key, caller: Caller) -> SignInLink:
        """Tell where somebody signs in without a password, in one browser, once, within ten minutes."""
        return SignInLink(url=self._services.sign_in_url(name, caller, request.host), valid_s=LINK_S)

    @route(HTTPMethod.POST, f"{_ONE}/sign-out", roles=ADMINS, answers={200: SignedOut})
    def sign_out(self, name: Key, caller: Caller) -> SignedOut:
        """Sign somebody out of every browser; another process may show them pages for five seconds more."""
        return SignedOut(sessions=self._services.orders.end_sessions(name, caller))
