"""Which roles may do what: the API's routes and the web page's views name one of these sets."""

from bmprov.model import Role

READERS = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN})
OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})
CLOUDS = frozenset({Role.CLOUD})
ANYBODY: frozenset[Role] = frozenset()
"""Without showing who one is."""
