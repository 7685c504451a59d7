"""Somebody who signs with the real GnuPG."""

import subprocess
from pathlib import Path

from tests import debian


class Signer:
    """A real GnuPG home with one key."""

    def __init__(self, home: Path, *options: str) -> None:
        self._gpg = debian.program("gpg", "gnupg")
        self._home = home
        home.mkdir(mode=0o700)
        self("--quick-generate-key", "--passphrase", "", "The Maker <maker@example.org>", "ed25519", "sign", *options)
        self.key = home / "key.gpg"
        self.key.write_bytes(self("--export"))
        self.armoured = home / "key.asc"
        self.armoured.write_bytes(self("--export", "--armor"))

    def __call__(self, *arguments: str, feed: bytes = b"") -> bytes:
        command = [self._gpg, "--homedir", str(self._home), "--batch", "--pinentry-mode", "loopback", *arguments]
        return subprocess.run(command, input=feed, capture_output=True, check=True).stdout

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self._home), "--kill", "all"], check=False)
