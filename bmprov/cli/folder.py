"""The folder of one `bmprov up`: what is in it, and who may use it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bmprov.errors import Conflict, Fatal


@dataclass(frozen=True)
class Folder:
    """Paths of everything that `bmprov up` keeps. `root` is absolute."""

    root: Path

    @classmethod
    def make(cls, data: Path) -> "Folder":
        """The folder at `data`; when it is made here it is closed to other users.

        Raises:
            Fatal: it cannot be made or written to.
        """
        folder = cls(data.absolute())
        try:
            folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.logs.mkdir(mode=0o700, exist_ok=True)
            (folder.root / "lock").touch()
        except OSError as error:
            raise Fatal(
                f"{data} is not usable ({error.strerror})", "give a folder that you may write with --data"
            ) from error
        return folder

    @property
    def settings(self) -> Path:
        """The settings of all parts."""
        return self.root / "bmprov.toml"

    @property
    def client_ini(self) -> Path:
        """An administrator's login, for the command line."""
        return self.root / "client.ini"

    @property
    def extension_ini(self) -> Path:
        """The extension's login, as `/etc/bmprov/extension.ini` has it."""
        return self.root / "extension.ini"

    @property
    def valkey_conf(self) -> Path:
        """The configuration of the Valkey that `up` runs; absent when the settings name another."""
        return self.root / "valkey.conf"

    @property
    def machines(self) -> Path:
        """The simulated machines."""
        return self.root / "sim.yaml"

    @property
    def ready(self) -> Path:
        """Exists while everything is ready."""
        return self.root / "ready"

    @property
    def logs(self) -> Path:
        """The parts' logs."""
        return self.root / "log"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other `bmprov up` out. The kernel lets go of it when this process ends, however it ends.

        Raises:
            Conflict: another is running here.
        """
        with (self.root / "lock").open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    f"another `bmprov up` runs in {self.root} (process {file.read().strip()})",
                    "stop it first, or give another folder with --data",
                ) from None
            file.truncate()
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield


def write(path: Path, text: str) -> None:
    """Write a file that only its owner may read, at once or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    new.replace(path)
