"""The kernel of an unpacked root, and those of its modules that a flavour wants, with what they depend on."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from bmprov.errors import Fatal

_INDEXES = ("modules.builtin", "modules.builtin.modinfo", "modules.order")


def release(root: Path) -> str:
    """The release of the root's kernel.

    Raises:
        Fatal: there is none, or there are several.
    """
    found = [path.name.removeprefix("vmlinuz-") for path in (root / "boot").glob("vmlinuz-*")]
    if len(found) != 1:
        raise Fatal(f"the packages have {len(found)} kernels", "delete the folder of the build and build again")
    return found[0]


def copy_modules(root: Path, drivers: Sequence[str], into: Path) -> int:
    """Copy the modules below `drivers` (folders or modules of `kernel/`) and their dependencies. How many."""
    kernel = release(root)
    source, target = root / "lib" / "modules" / kernel, into / "lib" / "modules" / kernel
    _depmod(root, kernel)
    needs = _dependencies(source / "modules.dep")
    wanted = [name for name in needs if any(_below(name, driver) for driver in drivers)]
    chosen = {*wanted, *(need for name in wanted for need in needs[name])}
    for name in chosen:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, target / name)
    for index in _INDEXES:
        if (source / index).exists():
            shutil.copy2(source / index, target / index)
    _depmod(into, kernel)
    return len(chosen)


def _below(module: str, driver: str) -> bool:
    """Whether `kernel/a/b/c.ko.xz` is the module `a/b/c` or below the folder `a/b`."""
    name = module.removeprefix("kernel/")
    return name.startswith(f"{driver}/") or name.split(".ko")[0] == driver


def _dependencies(index: Path) -> dict[str, list[str]]:
    """Module to what it needs, directly and not (modules.dep(5)), by paths below the kernel's folder."""
    pairs: Iterable[list[str]] = (line.split(":", 1) for line in index.read_text().splitlines() if ":" in line)
    return {name: needs.split() for name, needs in pairs}


def _depmod(base: Path, kernel: str) -> None:
    depmod = shutil.which("depmod", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if depmod is None:
        raise Fatal("depmod is missing", "install the Debian package `kmod`")
    subprocess.run([depmod, "--basedir", str(base), kernel], check=True, capture_output=True, timeout=60)
