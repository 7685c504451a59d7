"""What goes wrong with a MAAS region, and the one place where its answers become our errors.

MAAS answers an unsigned call of a known address with 400 and the words that it has for an unknown operation; a BMC that
fails with 500 in plain text; an address that is in use with 404 (`StaticIPAddressUnavailable`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from bmprov.errors import BmprovError, Fatal, Retryable
from worker.http_answer import parsed, printable
from worker.maas.call import Call

_UNRECOGNISED = "Unrecognised signature"
_MOST_WORDS = 600


class MaasUnreachable(Retryable):
    """The region gave no answer before the deadline, nobody is there, or it says that it cannot now."""


class MaasBroken(Retryable):
    """The region failed at the call, or its answer makes no sense."""


class MaasBmcFailed(Retryable):
    """The region could not make the machine's BMC do it."""


class MaasAuthFailed(Fatal):
    """The region does not take the key."""


class MaasForbidden(MaasAuthFailed):
    """The key is good and may not do this: its user lacks a right, or the machine is locked or another user's."""


class MaasUntrusted(Fatal):
    """The region's certificate is not the one that is trusted. `found` is its SHA-256 fingerprint, if that is known."""

    def __init__(self, why: str, check: str = "", *, found: str = "") -> None:
        super().__init__(why, check)
        self.found = found


class MaasLacksCall(Fatal):
    """What is called is not there: another version of MAAS, or not MAAS at all."""


class MaasGone(Fatal):
    """The machine, or what else the call is about, is not in the region any more."""


class MaasConflict(Fatal):
    """The region will not do it as things stand: the machine's status, no machine that matches, an address in use."""


class MaasInvalid(Fatal):
    """The region takes a parameter for wrong."""


@dataclass(frozen=True)
class Said:
    """What a region answered, without secrets. `onward` is where a redirect leads."""

    status: int
    content: bytes
    content_type: str = ""
    retry_after_s: float | None = None
    onward: str = ""

    @property
    def words(self) -> str:
        """What it says is wrong, on one line: a JSON body as `field: reason; field: reason`; nothing of a web page."""
        told = parsed(self.content)
        text = "" if "html" in self.content_type else self.content.decode(errors="replace")
        if isinstance(told, (dict, list)):
            text = _reasons(told)
        return printable(" ".join(text.split()), _MOST_WORDS).rstrip(".")

    @property
    def in_brackets(self) -> str:
        """The words after a sentence; nothing without any."""
        return f" ({self.words})" if self.words else ""

    @property
    def with_status(self) -> str:
        """The HTTP status, and the words if any."""
        return f"HTTP {self.status}" + (f": {self.words}" if self.words else "")


def refusal(region: str, call: Call, said: Said) -> BmprovError:
    """The error that an answer is which is no success."""
    return _by_status(said)(region, call, said)


def _by_status(said: Said) -> "_Meaning":
    if said.status == HTTPStatus.BAD_REQUEST and said.words.startswith(_UNRECOGNISED):
        return _unrecognised
    if known := _MEANINGS.get(said.status):
        return known
    if said.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _failed
    return _invalid if said.status >= HTTPStatus.BAD_REQUEST else _elsewhere


def _no_key(region: str, _call: Call, said: Said) -> BmprovError:
    return MaasAuthFailed(
        f"MAAS region '{region}' does not take its key{said.in_brackets}",
        "give a key that is valid in MAAS with `bmprov maas set`, and compare the clocks of both hosts",
    )


def _forbidden(region: str, call: Call, said: Said) -> BmprovError:
    return MaasForbidden(
        f"MAAS region '{region}' forbids {call}{said.in_brackets}",
        "the key must be an administrator's, and the machine neither locked nor another user's",
    )


def _unrecognised(region: str, call: Call, _said: Said) -> BmprovError:
    if not call.op and call.path == "machines/":
        return MaasAuthFailed(
            f"MAAS region '{region}' takes us for nobody",
            "a proxy before it must let the header Authorization through",
        )
    return MaasLacksCall(
        f"MAAS region '{region}' does not know {call}",
        "it must be MAAS 3, and a proxy before it must let the header Authorization through",
    )


def _missing(region: str, call: Call, said: Said) -> BmprovError:
    if "IP address" in said.words:
        return MaasConflict(
            f"MAAS region '{region}' refuses {call}{said.in_brackets}", "look in MAAS who has the address"
        )
    if call.of:
        return MaasGone(f"MAAS region '{region}' has no {call.of}{said.in_brackets}", "it was deleted in MAAS")
    return MaasLacksCall(
        f"MAAS region '{region}' does not have {call}", "its address must be MAAS's, such as http://HOST:5240/MAAS"
    )


def _conflict(region: str, call: Call, said: Said) -> BmprovError:
    return MaasConflict(f"MAAS region '{region}' refuses {call}{said.in_brackets}", "look at the machine in MAAS")


def _away(region: str, _call: Call, said: Said) -> BmprovError:
    return MaasUnreachable(
        f"MAAS region '{region}' cannot answer now ({said.with_status})",
        "look at the region's services if this lasts",
        retry_after_s=said.retry_after_s,
    )


def _failed(region: str, call: Call, said: Said) -> BmprovError:
    if call.powers and said.status == HTTPStatus.INTERNAL_SERVER_ERROR and said.content_type.startswith("text/plain"):
        return MaasBmcFailed(
            f"MAAS region '{region}' cannot make the BMC of {call.of} do it{said.in_brackets}",
            "check the BMC and its power parameters in MAAS",
        )
    return MaasBroken(f"MAAS region '{region}' failed at {call} ({said.with_status})", "look at the region's log")


def _invalid(region: str, call: Call, said: Said) -> BmprovError:
    return MaasInvalid(f"MAAS region '{region}' does not accept {call} ({said.with_status})", "correct what it names")


def _elsewhere(region: str, _call: Call, said: Said) -> BmprovError:
    where = printable(said.onward, 100) or "nowhere"
    return MaasLacksCall(
        f"MAAS region '{region}' sends us on to {where} (HTTP {said.status})", "give it the address where its API is"
    )


_Meaning = Callable[[str, Call, Said], BmprovError]
_MEANINGS: Mapping[int, _Meaning] = {
    HTTPStatus.UNAUTHORIZED: _no_key,
    HTTPStatus.FORBIDDEN: _forbidden,
    HTTPStatus.NOT_FOUND: _missing,
    HTTPStatus.GONE: _missing,
    HTTPStatus.METHOD_NOT_ALLOWED: _unrecognised,
    HTTPStatus.NOT_IMPLEMENTED: _unrecognised,
    HTTPStatus.CONFLICT: _conflict,
    HTTPStatus.REQUEST_TIMEOUT: _away,
    HTTPStatus.TOO_MANY_REQUESTS: _away,
    HTTPStatus.BAD_GATEWAY: _away,
    HTTPStatus.SERVICE_UNAVAILABLE: _away,
    HTTPStatus.GATEWAY_TIMEOUT: _away,
}


def _reasons(told: Any) -> str:  # noqa: ANN401 - JSON
    match told:
        case dict():
            return "; ".join(
                _reasons(why) if name == "__all__" else f"{name}: {_reasons(why)}" for name, why in told.items()
            )
        case list():
            return " ".join(_reasons(one) for one in told)
        case _:
            return str(told)
