"""What a BMC answers, before a client of Redfish makes sense of it: HTTP status, JSON or not, error bodies.

DSP0266, sections 7.5 (status codes) and 8.6 (error responses). BMCs answer HTML while they start, error bodies of every
shape, and in them what was sent to them.
"""

import json
from http import HTTPStatus
from typing import Any

import requests

from bmprov.errors import BmcBusy, BmcRefused
from worker.drivers.quirks import Meaning, meaning_of
from worker.http_answer import LONGEST_WAIT_S, parsed, printable, retry_after_s

_REDIRECTS = range(300, 400)
_EXTENDED = "@Message.ExtendedInfo"


def judge(response: requests.Response, address: str) -> None:
    """What no client of Redfish can make sense of gets no further.

    Raises:
        BmcRefused: it sends us elsewhere.
        BmcBusy: it says that it cannot now, or answers with something that is not Redfish.
    """
    status = response.status_code
    if status in _REDIRECTS:
        told = printable(response.headers.get("Location") or "nowhere", 100)
        raise BmcRefused(f"BMC {address} sends us on to {told}", "enrol it by the address where its Redfish is")
    if status > HTTPStatus.NOT_IMPLEMENTED:
        if meaning_of(_messages(response.content)) is Meaning.NO_SESSION_LEFT:
            raise no_session_left(address)
        said = f": {words}" if (words := _message(response.content)) else ""
        raise BmcBusy(
            f"BMC {address} cannot answer now (HTTP {status}{said})",
            "wait, or reset it",
            retry_after_s=_wait_s(response),
        )
    if status < HTTPStatus.BAD_REQUEST and not _is_document(response):
        kind = printable(response.headers.get("Content-Type", "unknown content").partition(";")[0], 50)
        raise BmcBusy(
            f"BMC {address} answers with {kind} that is not Redfish's JSON",
            "it may be starting; else check its address and whether Redfish is enabled on it",
        )


def no_session_left(address: str) -> BmcBusy:
    """Others have them all, or we have lost some."""
    return BmcBusy(f"BMC {address} has no session left", "look who else logs in to it")


def tamed(content: bytes) -> bytes:
    """An error body in the shape of DSP0266, 8.6, which sushy relies on; nothing, where it has no such shape.

    OpenBMC tells what is wrong with a property beside it, without an error object: that is made one.
    """
    told = parsed(content)
    if not isinstance(told, dict):
        return b""
    error = told.get("error")
    if error is None:
        beside = [one for key, value in told.items() if key.endswith(_EXTENDED) for one in _dicts(value)]
        error = {_EXTENDED: beside}
    if not isinstance(error, dict):
        return b""
    return json.dumps({"error": error | {_EXTENDED: _dicts(error.get(_EXTENDED))}}).encode()


def document(response: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer; an empty one, where there is none."""
    told = parsed(response.content)
    return told if isinstance(told, dict) else {}


def _message(content: bytes) -> str:
    words = (one.get("Message") or one.get("MessageId") for one in _messages(content))
    return printable(str(next(filter(None, words), "")), 160).rstrip(".")


def _messages(content: bytes) -> list[dict[str, Any]]:
    """Of an error body that is tamed."""
    told = parsed(content)
    messages: list[dict[str, Any]] = told["error"][_EXTENDED] if isinstance(told, dict) else []
    return messages


def _wait_s(response: requests.Response) -> float | None:
    """Seconds of the header Retry-After, else those that the message tells."""
    if told := response.headers.get("Retry-After", "").strip():
        return retry_after_s(told)
    for one in _messages(response.content):
        arguments = one.get("MessageArgs")
        if str(one.get("MessageId")).endswith(".ServiceTemporarilyUnavailable") and isinstance(arguments, list):
            return next((min(float(wait), LONGEST_WAIT_S) for wait in arguments if str(wait).isdecimal()), None)
    return None


def _is_document(response: requests.Response) -> bool:
    if response.request.method == "GET":
        return isinstance(parsed(response.content), dict)
    return not response.content.lstrip().startswith(b"<")  # what a change answers is not read, a web page is no answer


def _dicts(value: object) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
