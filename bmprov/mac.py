"""MACs, in the one spelling by which they are stored and compared: lower case, with colons."""

import re

_SEPARATORS = re.compile(r"[:.-]")
_DIGITS = re.compile(r"[0-9a-f]{12}")


def spelt(text: str) -> str | None:
    """The MAC that a text writes down, as `52-54-00-…` or `5254.00…`; None when it is none."""
    digits = _SEPARATORS.sub("", text).lower()
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2)) if _DIGITS.fullmatch(digits) else None
