"""What an HTTP server says or how it fails, whatever is spoken above: for errors that an operator reads.

RFC 9110, section 10.2.3 (Retry-After). What a server says may hold what was sent to it, control characters, no end.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic_core import from_json

LONGEST_WAIT_S = 3600.0
_FOUND = re.compile(r'Expected .*, got "?([0-9a-fA-F:]+)')


def parsed(content: bytes) -> Any:  # noqa: ANN401 - JSON
    """None, if it is no JSON, or nested deeper than this parser's limit (200).

    Python's own goes as deep as the stack; whatever the garbage collector calls down there fails for want of it.
    """
    try:
        return from_json(content.removeprefix(BOM_UTF8))
    except ValueError:
        return None


def hushed(content: bytes, secrets: Iterable[str]) -> bytes:
    """The same without secrets, as they are or as JSON writes them."""
    for secret in filter(None, secrets):
        for form in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
            content = content.replace(form.encode(), b"***")
    return content


def printable(text: str, most: int = 300) -> str:
    """What a server said, for a terminal: on one line, and not for ever."""
    return "".join(letter for letter in text if letter.isprintable())[:most]


def retry_after_s(told: str) -> float | None:
    """Seconds of the header Retry-After, an hour at most; None when it tells none."""
    told = told.strip()
    if told.isascii() and told.isdigit():
        return min(float(told[:9]), LONGEST_WAIT_S)
    return _until_s(told) if told else None


def chain(error: BaseException) -> list[BaseException]:
    """urllib3's chain of errors, as far as what the system said at its bottom."""
    found = [error]
    while (cause := _reason(found[-1])) is not None and cause not in found:
        found.append(cause)
    return found


def innermost(error: BaseException) -> str:
    """What the system said."""
    last = chain(error)[-1]
    return str(getattr(last, "strerror", None) or last)[:200]


def found_fingerprint(text: str) -> str:
    """The fingerprint that urllib3 has found in place of the one that is pinned, if that is what it says."""
    found = _FOUND.search(text)
    return found[1].replace(":", "").lower() if found else ""


def _until_s(date: str) -> float | None:
    try:
        at = parsedate_to_datetime(date)
    except ValueError:
        return None
    seconds = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(0.0, seconds), LONGEST_WAIT_S)


def _reason(error: BaseException) -> BaseException | None:
    candidates = (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args)
    return next((one for one in candidates if isinstance(one, BaseException)), None)
