"""Debian packages as a source of files: downloaded with apt, unpacked with dpkg, nothing installed, no root needed.

apt checks what it downloads against the signatures of the archives that this host has configured (apt-secure(8)).
"""

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from bmprov.errors import Fatal

_DEADLINE_S = 600
_KERNEL = re.compile(r"linux-(image|modules)-\d")
_DEPENDS = ("--important", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces")
_NOT_IN_A_RAMDISK = re.compile(r"debconf|cdebconf|dpkg|perl|libperl|tar$|install-info|mailcap|mime-support|media-types")
"""What packages need to be installed, and their programs do not need to run."""


def with_dependencies(names: Iterable[str]) -> list[str]:
    """These packages and all that they depend on, the virtual ones and the installer's tools left out."""
    told = _told("apt-cache", "depends", "--recurse", *_DEPENDS, "--no-enhances", *names)
    found = {line for line in told.splitlines() if line and not line.startswith((" ", "<"))}
    return sorted(name for name in found if not _NOT_IN_A_RAMDISK.match(name))


def newest_kernel(names: Sequence[str]) -> list[str]:
    """The packages of the kernel that the first of these names which the archive has stands for.

    Raises:
        Fatal: it has none of them.
    """
    for name in names:
        told = _told("apt-cache", "depends", "--recurse", *_DEPENDS, "--no-enhances", name) if available([name]) else ""
        if found := [line for line in told.splitlines() if _KERNEL.match(line)]:
            return sorted(found)
    raise Fatal(f"this host's archives have none of {', '.join(names)}", "run `apt-get update`, or build on Debian 12")


def available(names: Iterable[str]) -> list[str]:
    """Those of these packages that this host's archives have."""
    return [name for name in names if re.search(r"Candidate: (?!\(none\))", _told("apt-cache", "policy", name))]


def unpack(names: Sequence[str], downloads: Path, root: Path) -> None:
    """Download packages into one folder, unless they are there, and unpack them into another.

    Raises:
        Fatal: apt or dpkg failed, with what they say.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    _told("apt-get", "download", "-o", "APT::Sandbox::User=root", *names, folder=downloads)
    root.mkdir(parents=True, exist_ok=True)
    for package in sorted(downloads.glob("*.deb")):
        _told("dpkg-deb", "--extract", str(package), str(root))


def _told(*command: str, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_DEADLINE_S, check=True, env=_environment()
        )
    except FileNotFoundError:
        raise Fatal(f"{command[0]} is missing", "build on Debian or Ubuntu") from None
    except subprocess.TimeoutExpired:
        raise Fatal(f"{command[0]} took more than {_DEADLINE_S} s", "look at the way to this host's archives") from None
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason told"])[-1]
        raise Fatal(f"{' '.join(command[:2])} failed ({last})", "try `apt-get update`") from error
    return done.stdout


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
