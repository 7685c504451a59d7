"""Why the API itself refuses a request, before anybody is asked."""

from bmprov.errors import Refused, Retryable


class Unauthenticated(Refused):
    """The caller shows no token, or one that is not valid."""


class Forbidden(Refused):
    """The caller's role does not allow it."""


class NotJson(Refused):
    """The body is not of the type that the route takes."""


class TooLarge(Refused):
    """The body is larger than the route takes."""


class CutOff(Refused):
    """The body ended before its end."""


class Stalled(Refused):
    """The body stopped coming."""


class NotReady(Retryable):
    """Something that the service needs does not answer."""
