"""Pages of lists: a page goes on behind the last entry of the one before it.

Entries that come or go meanwhile make no other entry appear twice or never, as they would if pages were counted.

`after` is a cursor: the list's name and the key of its last entry, in Base64 (RFC 4648, section 5), opaque to callers.
The answer has it as `next`, and as a link (RFC 8288).
"""

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import Field

from bmprov.api.shapes.base import Reply, Request
from bmprov.errors import Invalid

MOST = 10_000
"""The most entries of a page."""

_LONGEST = 1000
_LARGEST = 2**31 - 1  # of the numbers that a database takes everywhere
_ItemT = TypeVar("_ItemT")

Key = tuple[str | int | float, ...]


class PageQuery(Request):
    """Which page of a list."""

    limit: int | None = Field(None, ge=1, le=MOST, description="the most entries of a page; else they are all told")
    after: str | None = Field(None, max_length=_LONGEST, description="`next` of the page before")

    def key(self, of: str, *kinds: type) -> Key | None:
        """The key behind which the page of the list `of` begins; None for the first page.

        Raises:
            Invalid: the cursor is not one of this list's.
        """
        return None if self.after is None else _opened(self.after, of, kinds)


class PageOut(Reply):
    """A page of a list."""

    next: str | None = Field(None, description="give it as `after` for what follows; null at the end")


def cursor(of: str, key: Key) -> str:
    """The cursor behind the entry with this key."""
    told = json.dumps([of, *key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(told).decode().rstrip("=")


def page_of(
    items: Iterable[_ItemT], query: PageQuery, of: str, kinds: Sequence[type], key: Callable[[_ItemT], Key]
) -> tuple[Sequence[_ItemT], str | None]:
    """The page, by `key`, of a list that is short enough to be had whole, and the cursor of what follows."""
    begin = query.key(of, *kinds)
    left = [item for item in sorted(items, key=key) if begin is None or key(item) > begin]
    return cut(left, query.limit, of, key)


def cut(
    found: Sequence[_ItemT], limit: int | None, of: str, key: Callable[[_ItemT], Key]
) -> tuple[Sequence[_ItemT], str | None]:
    """A page and the cursor of what follows, from all that follows, or from one more than the page has."""
    if limit is None or len(found) <= limit:
        return found, None
    return found[:limit], cursor(of, key(found[limit - 1]))


def one_more(limit: int | None) -> int | None:
    """How many to look for, to know whether something follows."""
    return None if limit is None else limit + 1


def link(path: str, asked: Mapping[str, str], after: str) -> str:
    """The `Link` header to the page behind a cursor, when `asked` was the query of this one."""
    return f'<{path}?{urlencode({**asked, "after": after})}>; rel="next"'


def _opened(text: str, of: str, kinds: Sequence[type]) -> Key:
    try:
        name, *key = json.loads(base64.b64decode(f"{text}{'=' * (-len(text) % 4)}", altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise _not_ours() from None
    if name != of or len(key) != len(kinds) or not all(map(_fits, key, kinds)):
        raise _not_ours()
    return tuple(key)


def _fits(part: Any, kind: type) -> bool:  # noqa: ANN401 - whatever JSON holds
    if type(part) is not kind:
        return False
    if isinstance(part, str):
        return part.isprintable()
    return isinstance(part, int | float) and math.isfinite(part) and abs(part) <= _LARGEST


def _not_ours() -> Invalid:
    return Invalid("'after' is not a cursor of this list", "give `next` of the page before, or leave it out")
