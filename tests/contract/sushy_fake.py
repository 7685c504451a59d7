"""sushy-tools' emulator with its fake driver, whose power changes show a second late: the least that it has.

Left to itself it takes up to eleven seconds, at random. Otherwise it is as it comes: `sushy_fake.py OPTION...`.
"""

import random
import sys

from sushy_tools.emulator.main import main


def least(low: int, _high: int) -> int:
    """What `random.randint` could have returned too."""
    return low


if __name__ == "__main__":
    random.randint = least  # type: ignore[method-assign,assignment] # names of parameters aside, the same
    sys.exit(main())
