"""What the tests want of the machine: programs of Debian packages, and a network namespace of their own.

A test that misses one is skipped and names the package. In CI (`CI` is set) that is a failure, so that nothing is
silently left out there. `.ci/packages` installs everything.
"""

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"  # a plain user's own lacks the last ones


def missing(what: str, remedy: str) -> NoReturn:
    """Skip this test, or fail it in CI."""
    give_up = pytest.fail if os.environ.get("CI") else pytest.skip
    give_up(f"{what} is missing: {remedy}")


def program(name: str, package: str) -> str:
    """The path of a program of a Debian package."""
    return shutil.which(name, path=_PATH) or missing(name, f"install the Debian package `{package}`")


def file(path: str, package: str) -> Path:
    """A file or folder of a Debian package."""
    return Path(path) if Path(path).exists() else missing(path, f"install the Debian package `{package}`")


def own_network() -> list[str]:
    """The command that runs another one in a network namespace of its own, as root there."""
    unshare = program("unshare", "util-linux")
    own = [unshare, "--net"] if os.geteuid() == 0 else [unshare, "--user", "--map-root-user", "--net"]
    if not _works((*own, "true")):
        missing("a network namespace", "run as root, or see kernel.apparmor_restrict_unprivileged_userns")
    return own


@functools.cache
def _works(command: tuple[str, ...]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
