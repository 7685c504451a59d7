"""Programs of an unpacked root and the shared libraries that they need, copied into the initramfs.

The root's own dynamic loader is asked what a program needs (ld.so(8), --list), so that a host with other libraries
builds the same ramdisk.
"""

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bmprov.errors import Fatal

_LIBRARY_FOLDERS = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib", "usr/lib")
_DEADLINE_S = 60
_RUN_DEADLINE_S = 600


@dataclass(frozen=True)
class Root:
    """A folder into which Debian packages were unpacked."""

    path: Path

    def find(self, name: str) -> Path:
        """The path of a program by its name.

        Raises:
            Fatal: the packages do not have it.
        """
        for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
            found = self.path / folder / name
            if found.is_file() or found.is_symlink():
                return found
        raise Fatal(f"the packages have no program {name}", "look at the release of this host's archives")

    @property
    def loader(self) -> Path:
        """Its dynamic loader, by the name that every program names."""
        return self.path / "lib64" / "ld-linux-x86-64.so.2"

    def command(self, program: Path, *arguments: str) -> list[str]:
        """How a program of the root is run on this host, with the root's libraries."""
        return [str(self._real(self.loader)), "--library-path", self._library_path, str(program), *arguments]

    def run(self, name: str, *arguments: str, told: bytes = b"", **environment: str) -> None:
        """Run a program of the root on this host; `told` is its standard input.

        Raises:
            Fatal: the packages do not have it, or it failed, with the end of what it says.
        """
        done = subprocess.run(
            self.command(self.find(name), *arguments),
            input=told,
            capture_output=True,
            timeout=_RUN_DEADLINE_S,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **environment},
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[-300:]
            raise Fatal(f"{name} failed ({said})", "look at the disk's free space")

    def libraries(self, binary: Path) -> list[Path]:
        """The shared libraries that a binary of the root needs; none for a static one."""
        command = [
            str(self._real(self.loader)),
            "--library-path",
            self._library_path,
            "--list",
            str(self._real(binary)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)
        if done.returncode:
            return []
        paths = [line.split("=>")[1].split(" (")[0].strip() for line in done.stdout.splitlines() if "=>" in line]
        return [Path(path) for path in paths if Path(path).is_relative_to(self.path)]

    def copy(self, binaries: Iterable[Path], into: Path) -> None:
        """Copy binaries of the root with all libraries that they need, each to its own place."""
        for binary in {*binaries, self.loader}:
            for file in (binary, *self.libraries(binary)):
                target = into / file.relative_to(self.path)
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(self._real(file), target)

    def _real(self, path: Path) -> Path:
        """What a path of the root is; its links are relative to the root and not to this host."""
        for _ in range(10):
            if not path.is_symlink():
                return path
            to = path.readlink()
            path = self.path / str(to).lstrip("/") if to.is_absolute() else path.parent / to
        raise Fatal(f"{path} is a ring of links", "look at the package that has it")

    @property
    def _library_path(self) -> str:
        return ":".join(str(self.path / folder) for folder in _LIBRARY_FOLDERS)
